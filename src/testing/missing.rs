//! Why a question has no answer. Shown by `Debug` as by `Display`, since that is what `unwrap()` prints.

use std::fmt;

use super::captured::Captured;
use crate::model::Observation;

/// No observation has the name that was looked for.
#[derive(Clone)]
pub struct NotFound(String);

/// A call of a model has no cost.
#[derive(Clone)]
pub struct NoCost(String);

impl NotFound {
    pub(super) fn new(name: &str, among: &Captured, open: usize) -> Self {
        let mut message = format!("no observation is named {name:?}");
        if open > 0 {
            message += &format!(" ({open} not ended yet)");
        }
        if among.observations().is_empty() {
            message += "; there is none: what ran on other threads, or below the level, is not seen";
        } else {
            message += &format!("; there are:{among}");
        }
        Self(message)
    }
}

impl NoCost {
    pub(super) fn new(call: &Observation) -> Self {
        let name = call.name();
        let why = match call.model() {
            _ if call.usage().is_empty() => "it reports no tokens and no cost".to_owned(),
            Some(model) if !model.is_empty() => {
                format!(
                    "the capture has no price for model {model:?}: with_prices(..), with_shipped_prices()"
                )
            }
            _ => "it names no model".to_owned(),
        };
        Self(format!("the cost of {name:?} is not known: {why}"))
    }
}

macro_rules! error {
    ($($name:ident)*) => {
        $(impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::error::Error for $name {})*
    };
}

error!(NotFound NoCost);
