//! A simulated city to show and to test the product with: real ICMP through a real kernel, scripted delay, loss and cuts.
//!
//! ```text
//!   story.yaml ─▶ cast ─▶ world (pure) ◀── request, moment ── city ◀── TUN ◀── kernel ◀── probe sockets ◀── engine
//!                           └──────────── answers, delays ──▶ thread ──▶ TUN ──▶ kernel ──▶     (host threads)
//! ```
//!
//! The TUN device and the sockets live in a network namespace of one thread; every other thread stays in the host's.
//! Nothing here is known to the judge: what it says is held against what the city did.

pub mod cast;
pub mod city;
pub mod namespace;
pub mod narrator;
pub mod packet;
pub mod run;
pub mod score;
pub mod service_score;
pub mod simulated;
pub mod sites;
pub mod stage;
pub mod story;
pub mod summary;
pub mod tap;
#[cfg(test)]
mod town;
pub mod truth;
pub mod tun;
pub mod verdicts;
pub mod weather;
pub mod world;
