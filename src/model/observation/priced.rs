//! A cost that a table of prices gave.

use crate::model::{Cost, CostOrigin, Observation};

impl Observation {
    /// The model of a call that has tokens and no cost.
    ///
    /// None of an agent, a chain or a plain span: what they carry may be the sum of the calls below them, which have
    /// their own cost.
    pub(crate) fn unpriced_model(&self) -> Option<&str> {
        let reading = &self.reading;
        if !self.recorded.kind.may_be_one_call() || reading.usage.is_empty() || !reading.cost.is_empty() {
            return None;
        }
        self.model().filter(|model| !model.is_empty())
    }

    pub(crate) fn set_cost(&mut self, cost: Cost, origin: CostOrigin) {
        self.reading.cost = cost;
        self.reading.cost_origin = origin;
    }

    pub(crate) fn cost_origin(&self) -> CostOrigin {
        self.reading.cost_origin
    }
}
