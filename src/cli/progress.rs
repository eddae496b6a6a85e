//! How far long work is: a line on standard error, where somebody sits at a terminal and nowhere else.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// Of work that is `length` long: how much is done, and how long the rest may take.
pub(super) fn bar(length: u64) -> ProgressBar {
    // A template of ours always is one.
    let style = ProgressStyle::with_template("{elapsed} {wide_bar} {pos}/{len} (-{eta})");
    shown(|| ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
}

/// Does work whose length nobody knows beforehand.
pub(super) fn during<T>(work: impl FnOnce() -> T) -> T {
    let spinner = shown(|| {
        let spinner = ProgressBar::new_spinner();
        spinner.enable_steady_tick(Duration::from_millis(200));
        spinner
    });
    let done = work();
    spinner.finish_and_clear();
    done
}

fn shown(make: impl FnOnce() -> ProgressBar) -> ProgressBar {
    if std::io::stderr().is_terminal() { make() } else { ProgressBar::hidden() }
}
