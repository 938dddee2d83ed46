//! Whether the server is there, what it is, and whether it knows the keys.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use percent_encoding::utf8_percent_encode;

use crate::error::{Error, Kind};
use crate::id::TraceId;
use crate::langfuse::client::{Langfuse, Request, SEGMENT};

/// The project that the keys are of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Project {
    id: String,
    name: String,
}

impl Project {
    /// Its id, which stands in the addresses of its pages.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What a server says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    status: String,
    version: ServerVersion,
    server_time: Option<SystemTime>,
}

impl Health {
    /// The server's word, `OK`.
    #[must_use]
    pub fn status(&self) -> &str {
        &self.status
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// What its clock said when it answered, by the header `Date`, which has whole seconds. It is for the comparison with this
    /// machine's: the server stores the times that it is sent, so that a clock which is wrong puts traces where nobody looks.
    #[must_use]
    pub fn server_time(&self) -> Option<SystemTime> {
        self.server_time
    }
}

/// A version of Langfuse's server, in the order of the versions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl ServerVersion {
    /// The first that takes traces over OTLP.
    ///
    /// Source: Langfuse's tags; `web/src/pages/api/public/otel` is not in those before.
    pub const OTLP: Self = Self::new(3, 22, 0);

    /// This version.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Its first number.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// `4.16.0`, also `v4.16.0-rc.1`, of which only the numbers count.
impl FromStr for ServerVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let numbers = text.trim().trim_start_matches('v');
        let numbers = numbers.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = numbers.split('.').map(|part| part.parse().ok());
        let mut next = || numbers.next().flatten();
        match (next(), next(), next(), numbers.next()) {
            (Some(major), Some(minor), Some(patch), None) => Ok(Self::new(major, minor, patch)),
            _ => Err(Error::new(
                Kind::InvalidValue,
                "this is no version of a Langfuse server",
            )),
        }
    }
}

impl Langfuse {
    /// Asks the server which project the keys are of.
    ///
    /// # Errors
    ///
    /// - The secret is not known there ([`Error::is_auth`], status 401): a wrong one, that of another server or region, or of
    ///   keys that are swapped and have no prefix to tell by (with `pk-lf-` and `sk-lf-` the client is not built). The server
    ///   answers all of them alike; a key that was tried before it was made stays unknown for five minutes. It does not look
    ///   at the public key, so a wrong one is found by nobody.
    /// - The keys are of another kind, such as an organisation's ([`Error::is_auth`], status 403).
    /// - What answers is no Langfuse ([`Error::is_unexpected_answer`]).
    /// - Nobody answers ([`Error::is_unreachable`], [`Error::is_timeout`]), or the server fails
    ///   ([`Error::is_server_failure`]).
    pub async fn auth_check(&self) -> Result<Project, Error> {
        let request = Request::get("check the keys", &["projects"]);
        let answer = self.call(request).await?;
        let project = answer.read(|json| {
            let project = json["data"].get(0)?;
            Some(Project {
                id: project["id"].as_str()?.to_owned(),
                name: project["name"].as_str()?.to_owned(),
            })
        })?;
        let _ = self.known_project().set(project.clone());
        Ok(project)
    }

    /// [`auth_check`](Self::auth_check) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn auth_check_blocking(&self) -> Result<Project, Error> {
        self.wait(self.auth_check())
    }

    /// Asks the server how it is and which version it has. It needs no keys.
    ///
    /// # Errors
    ///
    /// The server is older than [`ServerVersion::OTLP`], so it can be sent no traces ([`Error::is_unsupported_server`]; the
    /// text has its version); or it does not answer as a Langfuse does, as [`auth_check`](Self::auth_check) tells apart.
    pub async fn health(&self) -> Result<Health, Error> {
        let request = Request::get("ask for the server's health", &["health"]).anonymous();
        let answer = self.call(request).await?;
        let server_time = answer.date();
        let health = answer.read(|json| {
            Some(Health {
                status: json["status"].as_str()?.to_owned(),
                version: json["version"].as_str()?.parse().ok()?,
                server_time,
            })
        })?;
        if health.version < ServerVersion::OTLP {
            let message = format!(
                "{} is Langfuse {}, which takes no traces over OTLP: {} does, and what is newer",
                self.base().host(),
                health.version,
                ServerVersion::OTLP
            );
            return Err(Error::new(Kind::Unsupported, message));
        }
        Ok(health)
    }

    /// [`health`](Self::health) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn health_blocking(&self) -> Result<Health, Error> {
        self.wait(self.health())
    }

    /// The address of a trace's page. The server is asked for the project once; a trace that it has not shown yet has its
    /// address all the same.
    ///
    /// # Errors
    ///
    /// Those of [`auth_check`](Self::auth_check).
    pub async fn trace_url(&self, trace: TraceId) -> Result<String, Error> {
        Ok(self.page(&self.project_id().await?, trace))
    }

    /// The address of the page of an experiment, by its id: that of [`ExperimentRow`](crate::langfuse::ExperimentRow), say.
    ///
    /// # Errors
    ///
    /// Those of [`auth_check`](Self::auth_check).
    pub async fn experiment_url(&self, id: &str) -> Result<String, Error> {
        let page = format!("project/{}/experiments/results", self.project_id().await?);
        let page = self.base().clone().join(&page);
        Ok(format!("{page}?baseline={}", utf8_percent_encode(id, SEGMENT)))
    }

    /// [`experiment_url`](Self::experiment_url) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn experiment_url_blocking(&self, id: &str) -> Result<String, Error> {
        self.wait(self.experiment_url(id))
    }

    /// The server is asked once.
    async fn project_id(&self) -> Result<String, Error> {
        match self.known_project().get() {
            Some(project) => Ok(project.id.clone()),
            None => Ok(self.auth_check().await?.id),
        }
    }

    /// The address of the page of a trace that the server is sent, once the project is known.
    pub(crate) fn known_trace_url(&self, trace: TraceId) -> Option<String> {
        let project = self.known_project().get()?;
        self.samples(trace).then(|| self.page(&project.id, trace))
    }

    fn page(&self, project: &str, trace: TraceId) -> String {
        let base = self.base().clone();
        base.join(&format!("project/{project}/traces/{trace}"))
            .to_string()
    }

    /// Asks for the project until it is known: the server may come up after the program. The first failure is said. It wants
    /// a runtime with timers.
    pub(crate) async fn learn_project(&self, say: impl Fn(&str)) {
        const FIRST_WAIT: Duration = Duration::from_secs(5);
        const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
        let mut wait = FIRST_WAIT;
        while self.known_project().get().is_none() {
            let Err(error) = self.auth_check().await else {
                return;
            };
            if wait == FIRST_WAIT {
                say(&format!("no links to Langfuse yet: {error}"));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// [`trace_url`](Self::trace_url) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn trace_url_blocking(&self, trace: TraceId) -> Result<String, Error> {
        self.wait(self.trace_url(trace))
    }
}
