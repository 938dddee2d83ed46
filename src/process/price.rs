//! What a call costs, where the program does not say it: by the program's own table of prices, else by the one that
//! this crate ships.

mod json;
mod pattern;
mod rates;
mod table;

use std::sync::Arc;

pub use table::{Price, PriceTable};

use self::rates::Rates;
use crate::error::Error;
use crate::model::{CostOrigin, Observation};

/// List prices of the large vendors, with their date and sources.
const SHIPPED: &str = include_str!("../../data/prices.json");

/// The tables of a pipeline. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prices {
    own: Arc<Rates>,
    shipped: Arc<Rates>,
}

impl Prices {
    /// The program's own prices before the shipped ones.
    pub(crate) fn new(own: &PriceTable) -> Result<Self, Error> {
        Ok(Self::default().and_own(own)?.and_shipped())
    }

    /// The same with these as the program's own.
    pub(crate) fn and_own(self, own: &PriceTable) -> Result<Self, Error> {
        Ok(Self {
            own: Arc::new(Rates::new(own)?),
            ..self
        })
    }

    /// The same with the shipped ones.
    pub(crate) fn and_shipped(self) -> Self {
        let shipped = Rates::new(&PriceTable::shipped());
        Self {
            shipped: Arc::new(shipped.unwrap_or_default()),
            ..self
        }
    }

    /// Gives an observation its cost, where it has none and is one call of a model. False when it should have one and
    /// no table knows its model: it then has none, and not a cost of zero.
    pub(crate) fn price(&self, observation: &mut Observation) -> bool {
        let Some(model) = observation.unpriced_model() else {
            return true;
        };
        let (usage, start) = (observation.usage(), observation.start_nanos());
        let tables = [(&self.own, CostOrigin::Own), (&self.shipped, CostOrigin::Shipped)];
        let cost = tables.into_iter().find_map(|(rates, origin)| {
            let cost = rates.find(model, start)?.cost(usage)?;
            Some((cost, origin))
        });
        let Some((cost, origin)) = cost else {
            return false;
        };
        observation.set_cost(cost, origin);
        true
    }
}

#[cfg(test)]
mod tests;
