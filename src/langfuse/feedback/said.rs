//! What a request says, or what is wrong with it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Settings;
use super::reply::Fault;
use crate::id::TraceId;

/// A rating that can be stored.
pub(super) struct Said {
    pub(super) trace: TraceId,
    pub(super) rating: u32,
    pub(super) comment: Option<String>,
    /// Empty when nobody says who it is.
    pub(super) user: String,
    pub(super) token: Option<String>,
}

/// So much of a body is read.
const MOST_BODY_BYTES: usize = 64 * 1024;
const MOST_COMMENT: usize = 10_000;
const MOST_USER: usize = 200;

const NAMES: [&str; 6] = ["trace_id", "rating", "name", "comment", "user_id", "token"];

impl Said {
    pub(super) async fn read(head: &Parts, body: Body, settings: &Settings) -> Result<Self, Fault> {
        let mut said = BTreeMap::new();
        let query = head.uri.query().unwrap_or_default();
        enter(&mut said, pairs(query)?)?;
        let body = to_bytes(body, MOST_BODY_BYTES).await;
        let body = body.map_err(|_| Fault::BodyTooLarge)?;
        if !body.is_empty() {
            enter(&mut said, of_body(head, &body)?)?;
        }
        let text = |name: &str| match said.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Fault::NotText),
        };
        let is_known = |name: &String| {
            NAMES.contains(&name.as_str()) && (name != "user_id" || settings.user_of.is_none())
        };
        if !said.keys().all(is_known) {
            return Err(Fault::UnknownParameter);
        }
        let trace = text("trace_id")?.ok_or(Fault::TraceIdMissing)?;
        let trace = trace.parse().map_err(|_| Fault::TraceIdInvalid)?;
        if text("name")?.is_some_and(|name| name != settings.rating) {
            return Err(Fault::NameUnknown);
        }
        let rating = rating(said.get("rating"), settings.scale)?;
        let comment = text("comment")?.filter(|comment| !comment.trim().is_empty());
        if comment
            .as_ref()
            .is_some_and(|text| text.chars().count() > MOST_COMMENT)
        {
            return Err(Fault::CommentTooLong);
        }
        let user = match &settings.user_of {
            Some(user_of) => user_of(&head.headers),
            None => text("user_id")?,
        };
        let fits = |user: &String| (1..=MOST_USER).contains(&user.chars().count());
        if user.as_ref().is_some_and(|user| !fits(user)) {
            return Err(Fault::UserIdInvalid);
        }
        Ok(Self {
            trace,
            rating,
            comment,
            user: user.unwrap_or_default(),
            token: text("token")?,
        })
    }
}

fn rating(said: Option<&Value>, scale: u32) -> Result<u32, Fault> {
    let number = match said.ok_or(Fault::RatingMissing)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| number.is_finite());
    let number = number.ok_or(Fault::RatingNotANumber)?;
    if number.fract() != 0.0 {
        return Err(Fault::RatingNotWhole);
    }
    if number < 1.0 {
        return Err(Fault::RatingTooLow);
    }
    if number > f64::from(scale) {
        return Err(Fault::RatingTooHigh);
    }
    // It fits: it is whole, and no more than the scale.
    Ok(number as u32)
}

fn of_body(head: &Parts, body: &[u8]) -> Result<Vec<(String, Value)>, Fault> {
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("application/json") => match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(object.into_iter().collect()),
            _ => Err(Fault::NotJson),
        },
        Some("application/x-www-form-urlencoded") => {
            pairs(std::str::from_utf8(body).map_err(|_| Fault::NotText)?)
        }
        _ => Err(Fault::UnsupportedMediaType),
    }
}

/// The pairs of a query or a form.
fn pairs(text: &str) -> Result<Vec<(String, Value)>, Fault> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let text = percent_decode_str(&text).decode_utf8();
        text.map(Cow::into_owned).map_err(|_| Fault::NotText)
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, Value::String(decode(value)?)))
    });
    pairs.collect()
}

fn enter(said: &mut BTreeMap<String, Value>, pairs: Vec<(String, Value)>) -> Result<(), Fault> {
    for (name, value) in pairs {
        if said.insert(name, value).is_some() {
            return Err(Fault::SaidTwice);
        }
    }
    Ok(())
}
