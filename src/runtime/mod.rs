//! Wiring: starts the parts, connects them, stops them in order. Nothing is decided here.

mod admin;
pub mod leadership;
mod metrics;
mod operator;
mod results;
mod surroundings;
mod telemetry;

pub use metrics::Metrics;
pub use operator::{OperatorConfig, WebhookConfig, run};
pub use telemetry::{LogFilter, LogFormat, init as init_telemetry};
