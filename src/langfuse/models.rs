//! What the server takes for a model's tokens: price definitions.

use std::collections::BTreeMap;
use std::time::SystemTime;

use reqwest::Method;
use serde_json::{Value, json};

use crate::error::Error;
use crate::langfuse::client::answer::{text, time};
use crate::langfuse::client::{Langfuse, Request};
use crate::langfuse::reads::{Listing, Money, instant};

/// A price definition of the server's: which models it is for, and what a unit of them costs.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ModelPrice {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The regular expression that a model's name must fit, in PostgreSQL's words.
    pub match_pattern: String,
    /// What is counted: `TOKENS`, `CHARACTERS`, `MILLISECONDS`, `SECONDS`, `REQUESTS`, `IMAGES`. None when it says nothing.
    pub unit: Option<String>,
    /// From when on it is used.
    pub start: Option<SystemTime>,
    /// Whether it came with the server. Such ones cannot be deleted, and the project's own go before them.
    pub is_built_in: bool,
    /// Dollars for a unit, by bucket, of the tier that holds unless another does.
    pub prices: BTreeMap<String, Money>,
    /// How many other tiers there are, for large contexts and the like.
    pub other_tiers: usize,
}

/// A price definition that is to be made.
///
/// ```
/// use tracing_llm::langfuse::NewModelPrice;
///
/// // Prices are by the token: $0.10 and $0.20 for a million.
/// let price = NewModelPrice::new("house-model", "(?i)^house-model$")
///     .price("input", "0.0000001".parse()?)
///     .price("output", "0.0000002".parse()?);
/// # Ok::<(), tracing_llm::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is made by create_model_price()"]
pub struct NewModelPrice {
    name: String,
    match_pattern: String,
    unit: &'static str,
    start: Option<SystemTime>,
    prices: BTreeMap<String, Money>,
}

/// What the server's older form of prices has members for.
const FLAT: [(&str, &str); 3] = [
    ("input", "inputPrice"),
    ("output", "outputPrice"),
    ("total", "totalPrice"),
];

impl NewModelPrice {
    /// A definition for the models whose name fits `match_pattern`, a regular expression in PostgreSQL's words. A name is
    /// used once in a project.
    pub fn new(name: impl Into<String>, match_pattern: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            match_pattern: match_pattern.into(),
            unit: "TOKENS",
            start: None,
            prices: BTreeMap::new(),
        }
    }

    /// Dollars for one unit of a bucket: `input`, `output`, `input_cached_tokens`, …; or for all, `total`, which excludes others.
    pub fn price(mut self, bucket: impl Into<String>, dollars: Money) -> Self {
        self.prices.insert(bucket.into(), dollars);
        self
    }

    /// What is counted, when it is not tokens.
    pub fn unit(mut self, word: &'static str) -> Self {
        self.unit = word;
        self
    }

    /// It holds for observations from then on. The newest that is not too new is used.
    pub fn from(mut self, time: SystemTime) -> Self {
        self.start = Some(time);
        self
    }

    fn body(&self) -> Value {
        let mut body = json!({"modelName": self.name, "matchPattern": self.match_pattern, "unit": self.unit});
        if let Some(start) = self.start {
            body["startDate"] = instant(start).into();
        }
        let flat = |bucket: &str| {
            FLAT.iter()
                .find(|(name, _)| *name == bucket)
                .map(|(_, member)| *member)
        };
        if self.prices.keys().all(|bucket| flat(bucket).is_some()) {
            for (bucket, price) in &self.prices {
                flat(bucket)
                    .into_iter()
                    .for_each(|member| body[member] = price.to_json());
            }
        } else {
            let prices = self
                .prices
                .iter()
                .map(|(bucket, price)| (bucket.clone(), price.to_json()));
            body["pricingTiers"] = json!([{
                "name": "Standard", "isDefault": true, "priority": 0, "conditions": [],
                "prices": prices.collect::<Value>(),
            }]);
        }
        body
    }
}

impl Langfuse {
    /// The price definitions of the project, those that came with the server among them.
    pub fn model_prices(&self) -> Listing<ModelPrice> {
        Listing::new(self, "read price definitions", &["models"], ModelPrice::read)
    }

    /// One price definition, by its id.
    ///
    /// # Errors
    ///
    /// There is none ([`Error::is_not_found`]); else as [`auth_check`](Self::auth_check) tells apart.
    pub async fn model_price(&self, id: &str) -> Result<ModelPrice, Error> {
        let request = Request::get("read a price definition", &["models", id]);
        self.call(request).await?.read(|json| ModelPrice::read(&json))
    }

    /// [`model_price`](Self::model_price) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn model_price_blocking(&self, id: &str) -> Result<ModelPrice, Error> {
        self.wait(self.model_price(id))
    }

    /// Makes a price definition. It prices what comes after it, and nothing that is stored; a server that has just asked for the
    /// model goes on with the old one for up to a day.
    ///
    /// # Errors
    ///
    /// The server does not take it: no price, a pattern that is none, a name that is used ([`Error::is_refused`]). Whether it was
    /// made when the answer was lost ([`Error::is_ambiguous`]), [`model_prices`](Self::model_prices) tells.
    pub async fn create_model_price(&self, price: &NewModelPrice) -> Result<ModelPrice, Error> {
        let request = Request::change(Method::POST, "make a price definition", &["models"]);
        let answer = self.call(request.body(price.body())).await?;
        answer.read(|json| ModelPrice::read(&json))
    }

    /// [`create_model_price`](Self::create_model_price) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn create_model_price_blocking(&self, price: &NewModelPrice) -> Result<ModelPrice, Error> {
        self.wait(self.create_model_price(price))
    }

    /// Deletes a price definition of the project's own.
    ///
    /// # Errors
    ///
    /// There is none of the project's own with this id ([`Error::is_not_found`]).
    pub async fn delete_model_price(&self, id: &str) -> Result<(), Error> {
        let request = Request::change(Method::DELETE, "delete a price definition", &["models", id]);
        self.call(request).await?.read(|_| Some(()))
    }

    /// [`delete_model_price`](Self::delete_model_price) for code that is not async.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn delete_model_price_blocking(&self, id: &str) -> Result<(), Error> {
        self.wait(self.delete_model_price(id))
    }
}

impl ModelPrice {
    fn read(model: &Value) -> Option<Self> {
        let tiers = model["pricingTiers"].as_array();
        let tiers = tiers.map(Vec::as_slice).unwrap_or_default();
        let usual = tiers.iter().find(|tier| tier["isDefault"] == true);
        // Servers before tiers have prices alone.
        let prices = usual.map_or(&model["prices"], |tier| &tier["prices"]);
        let prices = prices.as_object().into_iter().flatten();
        let price = |price: &Value| Money::read(price).or_else(|| Money::read(&price["price"]));
        Some(Self {
            id: text(model, "id")?,
            name: text(model, "modelName")?,
            match_pattern: text(model, "matchPattern")?,
            unit: text(model, "unit"),
            start: time(model, "startDate"),
            is_built_in: model["isLangfuseManaged"] == true,
            prices: prices
                .filter_map(|(bucket, dollars)| Some((bucket.clone(), price(dollars)?)))
                .collect(),
            other_tiers: tiers.len().saturating_sub(1),
        })
    }
}
