//! Plots as SVG, drawn on the server from what is stored: RTT as smoke (in SmokePing's manner), loss, and states.
//!
//! In: rows of one point, oldest first. Out: markup without script or style of its own; colours are classes of `desk.css`.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Timelike};
use chrono_tz::Tz;

use super::percent;
use crate::{
    ledger::{HistoryRow, SMOKE, Span},
    text::milliseconds,
    units::{Rtt, Timestamp},
    window::Beat,
};

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 990.0;
/// Top and bottom of each panel.
const RTT: [f64; 2] = [12.0, 232.0];
const LOSS: [f64; 2] = [252.0, 312.0];
const STATES: [f64; 2] = [330.0, 356.0];
const HEIGHT: f64 = 384.0;
/// A share that is not nothing is seen.
const LEAST: f64 = 1.5;
/// Share of lost probes, in parts per million, up to which a median has the colour.
const COLOURS: [(u64, &str); 5] = [(0, "l0"), (1_000, "l1"), (10_000, "l2"), (50_000, "l3"), (200_000, "l4")];

/// Ends of a scale, in any power of ten: a quarter of each is still short to write.
const ROUND: [f64; 7] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0];

/// What is drawn.
pub(super) struct Plot<'a> {
    pub rows: &'a [HistoryRow],
    pub span: Span,
    /// Of the contract.
    pub limit: Rtt,
    /// Names of the panels.
    pub names: [String; 3],
}

impl Plot<'_> {
    pub fn svg(&self) -> String {
        let mut out = String::with_capacity(64 * 1024);
        // Writing to a string cannot fail.
        _ = self.draw(&mut out);
        out
    }

    fn draw(&self, out: &mut String) -> std::fmt::Result {
        let [rtt, loss, states] = &self.names;
        write!(out, r#"<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{rtt}">"#)?;
        for [top, bottom] in [RTT, LOSS, STATES] {
            let (width, height) = (RIGHT - LEFT, bottom - top);
            write!(out, r#"<rect class="back" x="{LEFT}" y="{top}" width="{width}" height="{height}"/>"#)?;
        }
        self.times(out)?;
        let most = nice(self.rows.iter().filter_map(|row| row.smoke.map(|smoke| smoke[SMOKE.len() - 1])).max());
        scale(out, RTT, most, |nanos| short(nanos / 1e6), "ms")?;
        let worst = nice(self.rows.iter().map(lost_ppm).max());
        scale(out, LOSS, worst.max(1_000.0), |ppm| short(ppm / 1e4), "%")?;
        for row in self.rows {
            self.smoke(out, row, most)?;
        }
        for row in self.rows {
            self.column(out, row, most, worst.max(1_000.0))?;
        }
        let limit = self.limit.0.as_nanos() as f64;
        if limit <= most {
            let y = height_of(RTT, limit / most);
            write!(out, r#"<path class="limit" d="M{LEFT} {y:.1}H{RIGHT}"/>"#)?;
        }
        for (name, y) in [(loss, LOSS[0]), (states, STATES[0])] {
            write!(out, r#"<text class="name" x="{LEFT}" y="{:.1}">{name}</text>"#, y - 4.0)?;
        }
        out.push_str("</svg>");
        Ok(())
    }

    fn x(&self, at: Timestamp) -> f64 {
        let share = (at.0 - self.span.from.0) as f64 / (self.span.to.0 - self.span.from.0) as f64;
        (RIGHT - LEFT).mul_add(share.clamp(0.0, 1.0), LEFT)
    }

    /// Grey bands, each pair of percentiles over the wider ones.
    fn smoke(&self, out: &mut String, row: &HistoryRow, most: f64) -> std::fmt::Result {
        let Some(smoke) = row.smoke else { return Ok(()) };
        let (from, to) = (self.x(row.from.0), self.x(row.to.0));
        for pair in 0..SMOKE.len() / 2 {
            let [low, high] = [smoke[pair], smoke[SMOKE.len() - 1 - pair]].map(|at| height_of(RTT, at as f64 / most));
            let (width, height) = ((to - from).max(1.0), (low - high).max(0.5));
            write!(
                out,
                r#"<rect class="smoke" x="{from:.1}" y="{high:.1}" width="{width:.1}" height="{height:.1}"/>"#
            )?;
        }
        Ok(())
    }

    /// Median, loss, states, and what they are in words.
    fn column(&self, out: &mut String, row: &HistoryRow, most: f64, worst: f64) -> std::fmt::Result {
        let (from, to) = (self.x(row.from.0), self.x(row.to.0));
        let width = (to - from).max(1.0);
        let lost = lost_ppm(row);
        if let Some(smoke) = row.smoke {
            let y = height_of(RTT, smoke[SMOKE.len() / 2] as f64 / most);
            write!(out, r#"<path class="median {}" d="M{from:.1} {y:.1}h{width:.1}"/>"#, colour(lost))?;
        }
        if lost > 0 {
            let height = ((LOSS[1] - LOSS[0]) * (lost as f64 / worst).min(1.0)).max(LEAST);
            let y = LOSS[1] - height;
            write!(
                out,
                r#"<rect class="{}" x="{from:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#,
                colour(lost)
            )?;
        }
        let states = [row.millis.down, row.millis.degraded, row.millis.unknown, row.millis.up];
        let whole = states.iter().sum::<u64>().max(1) as f64;
        let mut y = STATES[1];
        for (millis, class) in states.into_iter().zip(["down", "degraded", "unknown", "up"]) {
            if millis > 0 {
                let height = ((STATES[1] - STATES[0]) * millis as f64 / whole).max(LEAST).min(y - STATES[0]);
                y -= height;
                write!(
                    out,
                    r#"<rect class="{class}" x="{from:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
                )?;
            }
        }
        let (top, height) = (RTT[0], STATES[1] - RTT[0]);
        let when = civil(row.from.0, self.span.zone).format("%m-%d %H:%M");
        write!(
            out,
            r#"<rect class="touch" x="{from:.1}" y="{top}" width="{width:.1}" height="{height}"><title>{when}"#
        )?;
        if let Some(rtt) = &row.rtt_nanos {
            for (name, nanos) in [("p50", rtt.p50), ("p95", rtt.p95), ("p99", rtt.p99)] {
                write!(out, " · {name} {}", milliseconds(Rtt(std::time::Duration::from_nanos(nanos))))?;
            }
        }
        let [loss, state] = [&self.names[1], &self.names[2]];
        let up = row.probes.up;
        write!(out, " · {loss} {} · {state}", percent((up.lost, up.lost + up.answered)))?;
        for (millis, class) in states.into_iter().zip(["down", "degraded", "unknown", "up"]).filter(|(all, _)| *all > 0)
        {
            write!(out, " {class} {:.1} s", millis as f64 / 1e3)?;
        }
        out.push_str("</title></rect>");
        Ok(())
    }

    /// Civil times below, with lines through all panels.
    fn times(&self, out: &mut String) -> std::fmt::Result {
        let hours = (self.span.to.0 - self.span.from.0) / 3_600_000;
        let (step, format) = match hours {
            ..5 => (30, "%H:%M"),
            5..31 => (3 * 60, "%H:%M"),
            31..200 => (24 * 60, "%m-%d"),
            200..800 => (4 * 24 * 60, "%m-%d"),
            _ => (31 * 24 * 60, "%Y-%m"),
        };
        let begins = civil(self.span.from, self.span.zone);
        // On a round time of day; a change of summer time shifts the rest by an hour, and no line is wrong by that.
        let minute = i64::from(begins.hour() * 60 + begins.minute());
        let mut at =
            begins - TimeDelta::minutes(minute % step.min(24 * 60)) - TimeDelta::seconds(begins.second().into());
        while at.timestamp_millis() <= self.span.to.0 {
            if at >= begins {
                let x = self.x(Timestamp(at.timestamp_millis()));
                let (top, bottom) = (RTT[0], STATES[1]);
                write!(out, r#"<path class="grid" d="M{x:.1} {top}V{bottom}"/>"#)?;
                let words = at.format(format);
                write!(out, r#"<text class="time" x="{x:.1}" y="{:.1}">{words}</text>"#, STATES[1] + 16.0)?;
            }
            at += TimeDelta::minutes(step);
        }
        Ok(())
    }
}

/// An hour and the piece of it that is not over, in seconds.
const HOUR: f64 = 3_840.0;
const SPARK: [f64; 2] = [120.0, 20.0];

/// A link's last hour in one cell: mean RTT of each piece as a line from zero up, loss as columns. `names`: of RTT and loss.
pub(super) fn spark(beats: &[Beat], names: [&str; 2]) -> String {
    let answered = || beats.iter().map(|beat| beat.rtt_micros).filter(|micros| *micros > 0);
    let worst = beats.iter().map(|beat| beat.lost).max().unwrap_or(0);
    let (least, most) = (answered().min(), answered().max().unwrap_or(1));
    if least.is_none() && worst == 0 {
        return String::new();
    }
    let ms = |micros| short(f64::from(micros) / 1e3);
    let rtts = least.map(|least| format!("{} {}–{} ms · ", names[0], ms(least), ms(most))).unwrap_or_default();
    let words = format!("{rtts}{} ≤ {} %", names[1], short(f64::from(worst) / 100.0));
    let [width, height] = SPARK;
    let whole: f64 = beats.iter().map(|beat| f64::from(beat.seconds)).sum();
    let (mut columns, mut line, mut x, mut pen) = (String::new(), String::new(), (HOUR - whole).max(0.0), 'M');
    for beat in beats {
        let [from, to] = [x, x + f64::from(beat.seconds)].map(|at| at / HOUR * width);
        x += f64::from(beat.seconds);
        if beat.lost > 0 {
            let tall = (height * f64::from(beat.lost) / 1e4).max(LEAST);
            let (y, wide) = (height - tall, to - from);
            // Writing to a string cannot fail.
            _ = write!(columns, r#"<rect x="{from:.1}" y="{y:.1}" width="{wide:.1}" height="{tall:.1}"/>"#);
        }
        if beat.rtt_micros > 0 {
            let y = height_of([1.0, height], f64::from(beat.rtt_micros) / f64::from(most));
            _ = write!(line, "{pen}{from:.1} {y:.1}H{to:.1}");
            pen = 'L';
        } else {
            pen = 'M';
        }
    }
    let size = format!(r#"viewBox="0 0 {width} {height}" width="{width}" height="{height}""#);
    format!(r#"<svg class="spark" {size} role="img"><title>{words}</title>{columns}<path d="{line}"/></svg>"#)
}

fn civil(at: Timestamp, zone: Tz) -> DateTime<Tz> {
    DateTime::from_timestamp_millis(at.0).unwrap_or_default().with_timezone(&zone)
}

/// Of probes that were sent while the link was up: what is booked as down-time is no loss.
fn lost_ppm(row: &HistoryRow) -> u64 {
    let up = row.probes.up;
    up.lost * 1_000_000 / (up.lost + up.answered).max(1)
}

fn colour(lost: u64) -> &'static str {
    COLOURS.iter().find(|(most, _)| lost <= *most).map_or("l5", |(_, class)| class)
}

fn height_of([top, bottom]: [f64; 2], share: f64) -> f64 {
    bottom - (bottom - top) * share.clamp(0.0, 1.0)
}

/// The next round number.
fn nice(most: Option<u64>) -> f64 {
    let most = most.unwrap_or(0).max(1) as f64;
    let power = 10_f64.powf(most.log10().floor());
    ROUND.into_iter().map(|step| step * power).find(|step| most <= *step).unwrap_or(10.0 * power)
}

/// Lines and numbers of a panel: quarters of a tall one, ends of a flat one.
fn scale(out: &mut String, panel: [f64; 2], most: f64, words: impl Fn(f64) -> String, unit: &str) -> std::fmt::Result {
    let parts = if panel[1] - panel[0] > 100.0 { 4 } else { 1 };
    for part in 0..=parts {
        let share = f64::from(part) / f64::from(parts);
        let y = height_of(panel, share);
        let (x, down) = (LEFT - 6.0, y + 4.0);
        write!(out, r#"<path class="grid" d="M{LEFT} {y:.1}H{RIGHT}"/>"#)?;
        write!(out, r#"<text class="value" x="{x}" y="{down:.1}">{} {unit}</text>"#, words(most * share))?;
    }
    Ok(())
}

fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_s_last_hour_is_a_line_with_a_gap_where_nothing_answered_and_a_column_for_every_loss() {
        let beat = |lost, rtt_micros| Beat { seconds: 300, lost, rtt_micros };
        let drawn = spark(&[beat(0, 2_000), beat(1, 4_000), beat(10_000, 0), beat(0, 1_000)], ["RTT", "loss"]);
        insta::assert_snapshot!(drawn, @r#"<svg class="spark" viewBox="0 0 120 20" width="120" height="20" role="img"><title>RTT 1–4 ms · loss ≤ 100 %</title><rect x="91.9" y="18.5" width="9.4" height="1.5"/><rect x="101.2" y="0.0" width="9.4" height="20.0"/><path d="M82.5 10.5H91.9L91.9 1.0H101.2M110.6 15.2H120.0"/></svg>"#);
        assert_eq!(spark(&[beat(0, 0)], ["RTT", "loss"]), "", "nothing was measured");
        assert_eq!(spark(&[], ["RTT", "loss"]), "");
    }
}
