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

    /// Whether it is a call of a model with tokens and no cost that does not say of which model: nobody can price it.
    pub(crate) fn lacks_a_model(&self) -> bool {
        let reading = &self.reading;
        self.recorded.kind.calls_a_model()
            && !reading.usage.is_empty()
            && reading.cost.is_empty()
            && self.model().is_none_or(str::is_empty)
    }

    pub(crate) fn set_cost(&mut self, cost: Cost, origin: CostOrigin) {
        self.reading.cost = cost;
        self.reading.cost_origin = origin;
    }

    pub(crate) fn cost_origin(&self) -> CostOrigin {
        self.reading.cost_origin
    }
}
