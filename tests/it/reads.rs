//! What the client reads back, each verb against the server's own words.

mod datasets;
mod metrics;
mod observations;
mod rows;
mod scores;
mod traces;
