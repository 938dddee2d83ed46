//! Which prompts a project has.

use std::time::SystemTime;

use serde_json::Value;

use crate::error::Error;
use crate::langfuse::client::answer::{text, texts, time};
use crate::langfuse::client::{Langfuse, Request};

/// Which prompts are listed; all of them when nothing is said.
#[derive(Clone, Default, Debug)]
#[must_use = "it is given to list_prompts()"]
pub struct PromptFilter {
    name: Option<String>,
    label: Option<String>,
    tag: Option<String>,
    version: Option<u32>,
    page: Option<u32>,
    limit: Option<u32>,
}

impl PromptFilter {
    /// All of them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of this name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With a version of this label; of each only the versions that have it.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With this tag.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// That have this version.
    pub fn version(mut self, version: u32) -> Self {
        self.version = Some(version);
        self
    }

    /// Which page; the first is 1.
    pub fn page(mut self, page: u32) -> Self {
        self.page = Some(page);
        self
    }

    /// How many a page has, 1 to 100; the server gives 10 when it is not told.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// A page of the prompts of a project.
#[derive(Clone, PartialEq, Debug)]
pub struct PromptPage {
    prompts: Vec<PromptSummary>,
    page: u32,
    total_pages: u32,
    total: u64,
}

impl PromptPage {
    /// The prompts.
    #[must_use]
    pub fn prompts(&self) -> &[PromptSummary] {
        &self.prompts
    }

    /// How many there are on all pages.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The number of the next page, if there is one.
    #[must_use]
    pub fn next_page(&self) -> Option<u32> {
        (self.page < self.total_pages).then_some(self.page + 1)
    }
}

/// What a list says of a prompt.
#[derive(Clone, PartialEq, Debug)]
pub struct PromptSummary {
    name: String,
    is_chat: bool,
    versions: Vec<u32>,
    labels: Vec<String>,
    tags: Vec<String>,
    updated: SystemTime,
    last_config: Value,
}

impl PromptSummary {
    /// Its name, with the folders it stands in.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is one of messages.
    #[must_use]
    pub fn is_chat(&self) -> bool {
        self.is_chat
    }

    /// The versions there are, of those that were asked for.
    #[must_use]
    pub fn versions(&self) -> &[u32] {
        &self.versions
    }

    /// The labels of all versions.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// When one of its versions last changed.
    #[must_use]
    pub fn updated(&self) -> SystemTime {
        self.updated
    }

    /// The config of its newest version.
    #[must_use]
    pub fn last_config(&self) -> &Value {
        &self.last_config
    }

    fn of(json: &Value) -> Option<Self> {
        let versions = json["versions"].as_array()?.iter();
        Some(Self {
            name: text(json, "name")?,
            is_chat: json["type"] == "chat",
            versions: versions
                .map(|version| version.as_u64()?.try_into().ok())
                .collect::<Option<_>>()?,
            labels: texts(json, "labels"),
            tags: texts(json, "tags"),
            updated: time(json, "lastUpdatedAt")?,
            last_config: json["lastConfig"].clone(),
        })
    }
}

impl Langfuse {
    /// A page of the project's prompts.
    ///
    /// # Errors
    ///
    /// The server refuses the filter, or gives no answer in time.
    pub async fn list_prompts(&self, filter: PromptFilter) -> Result<PromptPage, Error> {
        let request = Request::get("list the prompts", &["v2", "prompts"])
            .query("name", filter.name)
            .query("label", filter.label)
            .query("tag", filter.tag)
            .query("version", filter.version)
            .query("page", filter.page)
            .query("limit", filter.limit);
        self.call(request).await?.read(|json| {
            let meta = &json["meta"];
            let number = |name: &str| meta[name].as_u64()?.try_into().ok();
            let prompts = json["data"].as_array()?.iter().map(PromptSummary::of);
            Some(PromptPage {
                prompts: prompts.collect::<Option<_>>()?,
                page: number("page")?,
                total_pages: number("totalPages")?,
                total: meta["totalItems"].as_u64()?,
            })
        })
    }

    /// [`list_prompts`](Self::list_prompts) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn list_prompts_blocking(&self, filter: PromptFilter) -> Result<PromptPage, Error> {
        self.wait(self.list_prompts(filter))
    }
}
