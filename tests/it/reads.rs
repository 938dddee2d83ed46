//! What the client reads back, each verb against the server's own words.

mod compared_prompts;
mod datasets;
mod metrics;
mod observations;
mod rows;
mod scores;
mod traces;
