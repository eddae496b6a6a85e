//! How much a point loses while it is up, and how much more proof of an outage it therefore needs.
//!
//! Four losses in a row are an outage on a line that loses one packet in two thousand. A router that answers two probes
//! in three, because its control plane is busy, loses four in a row every minute or two: it is asked for longer. Pure.

/// Share of probes lost lately while the point was up: an exponential mean over some 64 of them, in 1/65536.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lossy(u16);

/// Probes over which the share is taken: a minute at one a second.
const SPAN: u16 = 64;

/// Shares `p` (in 1/65536) above which 4, 5, … 16 independent losses in a row come more often than once in ten million
/// probes, a third of a year at one a second: `65536 * 10^(-7/n)`. One loss in the span is below the first.
const BEYOND: [u16; 13] =
    [1_165, 2_609, 4_465, 6_553, 8_739, 10_932, 13_076, 15_139, 17_106, 18_968, 20_724, 22_377, 23_932];

impl Lossy {
    pub(super) fn answered(&mut self, count: u64) {
        for _ in 0..count {
            if self.0 == 0 {
                break;
            }
            self.0 -= (self.0 / SPAN).max(1);
        }
    }

    pub(super) fn lost(&mut self) {
        self.0 += (u16::MAX - self.0) / SPAN;
    }

    /// Scheduled losses in a row that an outage of this point needs beyond what proves it on a clean line.
    pub(super) fn further_losses(self) -> u8 {
        BEYOND.partition_point(|beyond| *beyond < self.0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a point that loses every `one_in`th probe, after ten minutes.
    fn after(one_in: usize) -> u8 {
        let mut lossy = Lossy::default();
        (1..=600).for_each(|probe| if probe % one_in == 0 { lossy.lost() } else { lossy.answered(1) });
        lossy.further_losses()
    }

    #[test]
    fn the_more_a_point_loses_the_longer_it_is_asked() {
        assert_eq!([300, 20, 10, 3, 2].map(after), [0, 2, 4, 11, 13]);
    }

    #[test]
    fn one_lost_packet_changes_nothing_and_a_clean_hour_forgives_everything() {
        let mut lossy = Lossy::default();
        lossy.lost();
        assert_eq!(lossy.further_losses(), 0);
        (0..60).for_each(|_| lossy.lost());
        assert!(lossy.further_losses() > 10);
        lossy.answered(3_600);
        assert_eq!(lossy, Lossy::default());
    }
}
