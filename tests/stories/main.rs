//! Stories: the built binary, driven from outside as its users drive it. One file per story.

mod harness;
mod s01_check;
mod s02_clock_step;
mod s02_serve;
mod s03_once;
mod s04_alertmanager;
mod s05_showing;
mod s06_demo;
mod s30_contracts;
mod s31_incidents;
mod s32_journal;
mod s33_rules;
mod s34_ledger;
mod s34_simulate;
mod s35_outside;
mod s36_duty;
mod s37_history;
mod s38_periods;
mod s50_blackbox;
mod s50_probe;
mod s62_grafana;
mod s62_prometheus;
mod s65_doors;
mod site;
