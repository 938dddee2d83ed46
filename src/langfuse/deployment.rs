//! What a process says of itself by variables.

use crate::env::{FromEnv, Reader, Variables};
use crate::langfuse::environment::normalise;

/// What a process says of itself; it concerns every destination.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Deployment {
    /// `production`, `staging`; as written, not as Langfuse takes it.
    pub(crate) environment: Option<String>,
    /// Which build runs.
    pub(crate) release: Option<String>,
}

impl Deployment {
    /// What Langfuse makes of a name that it does not store as it is written; upper case it does not tell from lower.
    pub(crate) fn lost(environment: &str) -> Option<&'static str> {
        let stored = normalise(environment);
        if stored.eq_ignore_ascii_case(environment) {
            None
        } else if stored == "default" {
            Some("is no name of letters, digits, - and _: Langfuse shows its traces under `default`")
        } else {
            Some(
                "begins with langfuse or has over 40 characters: Langfuse shows its traces under a part of it",
            )
        }
    }

    /// Environment and release, as they are written. Without a release that of the platform that built or runs the
    /// program.
    pub(crate) fn from_env(variables: &Variables) -> FromEnv<Self> {
        Reader::read(variables, |reader| {
            let environment = reader.get(ENVIRONMENT);
            if let Some(lost) = environment.as_deref().and_then(Self::lost) {
                reader.say(format!("{ENVIRONMENT} {lost}"));
            }
            let release = reader.get(RELEASE);
            let release = release.or_else(|| Some(reader.first(&COMMITS)?.1));
            Self { environment, release }
        })
    }
}

const ENVIRONMENT: &str = "LANGFUSE_TRACING_ENVIRONMENT";
const RELEASE: &str = "LANGFUSE_RELEASE";
/// The commit, in the variables of the usual platforms.
///
/// Source: the list of Langfuse's SDK for Python, in its order.
const COMMITS: [&str; 10] = [
    "RENDER_GIT_COMMIT",
    "CI_COMMIT_SHA",
    "CIRCLE_SHA1",
    "SOURCE_VERSION",
    "TRAVIS_COMMIT",
    "GIT_COMMIT",
    "GITHUB_SHA",
    "BITBUCKET_COMMIT",
    "BUILD_SOURCEVERSION",
    "DRONE_COMMIT_SHA",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_and_release_are_read_without_keys() {
        let read =
            |pairs: &[(&str, &str)]| Deployment::from_env(&Variables::from_pairs(pairs.iter().copied()));
        let both = read(&[(ENVIRONMENT, "Prod_eu-1"), (RELEASE, " v1.2 ")]);
        assert_eq!(both.settings.environment.as_deref(), Some("Prod_eu-1"));
        assert_eq!(both.settings.release.as_deref(), Some("v1.2"));
        assert!(both.messages.is_empty());
        assert_eq!(
            read(&[(ENVIRONMENT, "prod.eu")]).messages,
            [
                "LANGFUSE_TRACING_ENVIRONMENT is no name of letters, digits, - and _: Langfuse shows its traces under `default`"
            ]
        );
        assert!(read(&[(ENVIRONMENT, "Default")]).messages.is_empty());
        assert_eq!(
            read(&[(ENVIRONMENT, "langfuse-prod")]).messages,
            [
                "LANGFUSE_TRACING_ENVIRONMENT begins with langfuse or has over 40 characters: Langfuse shows its traces under a \
                 part of it"
            ]
        );
        assert_eq!(read(&[]).settings, Deployment::default());
    }

    #[test]
    fn without_a_release_the_commit_is_one() {
        let release = |pairs: &[(&str, &str)]| {
            Deployment::from_env(&Variables::from_pairs(pairs.iter().copied()))
                .settings
                .release
        };
        let commit = ("GITHUB_SHA", "5d0c1f0");
        assert_eq!(release(&[commit]).as_deref(), Some("5d0c1f0"));
        assert_eq!(
            release(&[commit, ("CI_COMMIT_SHA", "e4a1")]).as_deref(),
            Some("e4a1")
        );
        assert_eq!(release(&[commit, (RELEASE, "v1")]).as_deref(), Some("v1"));
    }
}
