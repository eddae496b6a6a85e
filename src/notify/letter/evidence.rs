//! What a letter puts on the table: the account of a circuit in both bounds, its last hour as a picture of characters,
//! and whether we ourselves could be believed.

use serde::Serialize;

use crate::{
    clock::Discipline,
    ledger::Accounted,
    text::{Language, seconds, share},
    units::Ppm,
    window::Piece,
};

/// What is known of one link beyond the incident.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Milliseconds of the running civil month, by what judges this link.
    pub month: Accounted,
    /// What its carrier agreed to, in which agreement and clause; `None`: no agreement is in force.
    pub agreed: Option<(Ppm, String)>,
    /// The last hour of its measuring point, oldest first; empty where it has none.
    pub hour: Vec<Piece>,
}

/// How we stood ourselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ourselves {
    pub witnesses: usize,
    pub witnesses_up: usize,
    pub clock: Discipline,
}

/// [`Evidence`] in words. Sums are written out, so that whoever doubts one can do it again.
#[derive(Serialize, Default, Clone)]
pub(super) struct Shown {
    lower: String,
    upper: String,
    down: String,
    unknown: String,
    excluded: String,
    agreed: String,
    clause: String,
    rtt: String,
    rtt_least: String,
    rtt_most: String,
    loss: String,
}

/// Pieces of time as characters, one a piece; where their length changes stands a line. RTTs are nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drawn {
    pub rtt: String,
    pub loss: String,
    pub least: u64,
    pub most: u64,
}

impl Drawn {
    pub fn of(pieces: &[Piece]) -> Self {
        let answered = || pieces.iter().filter(|piece| piece.answered > 0).map(|piece| piece.rtt_mean);
        let (least, most) = (answered().min().unwrap_or(0), answered().max().unwrap_or(0));
        let rtt = |piece: &Piece| match piece {
            Piece { answered: 0, lost: 0, .. } => UNSEEN,
            Piece { answered: 0, .. } => SILENT,
            _ => bar(piece.rtt_mean - least, most - least),
        };
        let loss = |piece: &Piece| match piece {
            Piece { answered: 0, lost: 0, .. } => UNSEEN,
            Piece { lost: 0, .. } => '.',
            _ => bar(piece.lost, piece.answered + piece.lost),
        };
        Self { rtt: picture(pieces, rtt), loss: picture(pieces, loss), least, most }
    }
}

/// [`Ourselves`] in words.
#[derive(Serialize, Default, Clone)]
pub(super) struct Seers {
    witnesses: usize,
    witnesses_up: usize,
    clock: String,
}

/// Rising eighths.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Probes went out and none came back; none went out, or we could not look.
const SILENT: char = '×';
const UNSEEN: char = '?';

impl Shown {
    pub(super) fn of(evidence: &Evidence) -> Self {
        let Evidence { month, agreed, hour } = evidence;
        let Drawn { rtt, loss, least, most } = Drawn::of(hour);
        let bound = |(part, whole): (u64, u64)| share([part, whole]);
        Self {
            lower: bound(month.unknown_as_down()),
            upper: bound(month.unknown_as_up()),
            down: seconds(month.down),
            unknown: seconds(month.unknown),
            excluded: seconds(month.excluded),
            agreed: agreed.as_ref().map(|(promised, _)| promised.to_string()).unwrap_or_default(),
            clause: agreed.as_ref().map(|(_, clause)| clause.clone()).unwrap_or_default(),
            rtt,
            rtt_least: millis(least),
            rtt_most: millis(most),
            loss,
        }
    }
}

impl Seers {
    pub(super) fn of(ourselves: &Ourselves, language: Language) -> Self {
        let Ourselves { witnesses, witnesses_up, clock: Discipline { is_synchronised, most_error } } = *ourselves;
        let within = most_error.as_millis();
        let clock = match (is_synchronised, language) {
            (true, Language::ZhCn) => format!("已同步，误差不超过 {within} ms"),
            (false, Language::ZhCn) => "未同步，时刻仅供参考".to_owned(),
            (true, Language::En) => format!("synchronised, within {within} ms"),
            (false, Language::En) => "not synchronised: times are indicative".to_owned(),
        };
        Self { witnesses, witnesses_up, clock }
    }
}

fn picture(hour: &[Piece], character: impl Fn(&Piece) -> char) -> String {
    let mut drawn = String::new();
    for (place, piece) in hour.iter().enumerate() {
        if place > 0 && hour[place - 1].seconds != piece.seconds {
            drawn.push('|');
        }
        drawn.push(character(piece));
    }
    drawn
}

fn bar(part: u64, whole: u64) -> char {
    let eighth = part.saturating_mul(7).checked_div(whole).unwrap_or(0);
    BARS[usize::try_from(eighth).unwrap_or(7).min(7)]
}

pub(super) fn millis(nanos: u64) -> String {
    format!("{}.{:02}", nanos / 1_000_000, nanos / 10_000 % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_drawn_with_its_silence_and_what_nobody_saw() {
        let piece = |seconds, answered, lost, rtt_mean| Piece { seconds, answered, lost, unmeasured: 0, rtt_mean };
        let hour = vec![
            piece(300, 300, 0, 1_000_000),
            piece(300, 270, 30, 8_120_000),
            piece(300, 0, 0, 0),
            piece(60, 59, 1, 2_000_000),
            piece(10, 0, 10, 0),
        ];
        let month = Accounted { up: 999_000, down: 600, unknown: 400, excluded: 0, degraded: 0, period: 2_592_000_000 };
        let agreed = Some((Ppm(999_000), "协议 1 第 3 条".to_owned()));
        let shown = Shown::of(&Evidence { month, agreed, hour });
        assert_eq!((shown.rtt.as_str(), shown.loss.as_str()), ("▁█?|▁|×", ".▁?|▁|█"));
        assert_eq!((shown.rtt_least.as_str(), shown.rtt_most.as_str()), ("1.00", "8.12"));
        assert_eq!(shown.lower, "999000/1000000 ms = 99.9000 %");
        assert_eq!(shown.upper, "999400/1000000 ms = 99.9400 %");
        assert_eq!((shown.down.as_str(), shown.unknown.as_str()), ("0.600 s", "0.400 s"));
    }
}
