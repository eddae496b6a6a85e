//! linkpatrol: network link management and synthetic probing.
//!
//! The pipeline is the architecture; modules are listed in flow order.
//!
//! ```text
//! inventory ▶ schedule ▶ probe ▶ sample ▶ window ▶ judge ▶ incident ▶ notify
//! contract    what is    do it,   what     recent   against  scope,     export
//! profile     due now    I/O      we saw   evidence contract tier,clock report
//! ```
//!
//! Everything between a sample and an effect is a plain function of its arguments. I/O lives in `probe`,
//! `notify::channels`, `store`, `api`, `demo`, and `patrol`, which ties them together.

pub mod api;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod contract;
pub mod demo;
pub mod diagnostic;
pub mod duty;
pub mod export;
pub mod feed;
pub mod incident;
pub mod inventory;
pub mod journal;
pub mod judge;
pub mod ledger;
pub mod notify;
pub mod patrol;
pub mod probe;
pub mod profile;
pub mod push;
pub mod sample;
pub mod schedule;
pub mod simulate;
pub mod snapshot;
pub mod store;
pub mod text;
pub mod units;
pub mod window;
