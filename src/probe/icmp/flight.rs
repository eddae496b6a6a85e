//! Probes in flight, and for a while those that have ended: so that late and repeated answers are known for what they are.
//!
//! A ring in the order of sending. The running number of a probe gives its place (its low bits), its ICMP sequence
//! number (its low half) and its `slot` in the payload; a record lives until the ring comes round to it. Bounded, and
//! nothing is allocated per probe. Pure.

use std::net::IpAddr;

use super::stamps::Moment;
use crate::{
    inventory::PointIndex,
    sample::{Explanation, Purpose},
    units::Mono,
};

/// One probe.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    pub number: u32,
    pub point: PointIndex,
    pub nonce: u64,
    pub address: IpAddr,
    pub sent: Moment,
    pub sent_at: Mono,
    /// Place of its socket class.
    pub lane: u16,
    /// Payload bytes.
    pub size: u16,
    pub purpose: Purpose,
    pub state: State,
    pub explanation: Option<Explanation>,
    /// An ICMP error about it came from this very host.
    pub unreachable_from_here: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    InFlight,
    Answered,
    /// Ended without an answer: lost or unmeasured. A late answer is still welcome.
    Unanswered,
    /// Its point has left the plan: nothing more is said about it.
    Forgotten,
}

/// The ring.
#[derive(Debug)]
pub struct Flights {
    records: Vec<Option<Flight>>,
    /// Number of the next probe.
    next: u32,
}

impl Flights {
    /// 2^22 records are 330 MB: more than any plan that one thread can serve.
    const MOST: usize = 1 << 22;
    /// Sequence numbers: above it, a ring grows by so many, since doubling would take memory that nobody needs.
    const STEP: usize = 1 << 16;

    /// Room for `records`, rounded up.
    pub fn new(records: usize) -> Self {
        Self { records: vec![None; Self::capacity(records)], next: 0 }
    }

    fn capacity(records: usize) -> usize {
        if records < Self::STEP {
            records.next_power_of_two().max(1 << 12)
        } else {
            records.next_multiple_of(Self::STEP).min(Self::MOST)
        }
    }

    /// Grows to `records`; never shrinks. Probes keep their numbers.
    pub fn reserve(&mut self, records: usize) {
        let mut capacity = Self::capacity(records);
        if capacity <= self.records.len() {
            return;
        }
        // Numbers that have just begun anew may share places in a ring of another length: then it is made longer.
        while !self.fits(capacity) && capacity < Self::MOST {
            capacity += Self::STEP;
        }
        let old = std::mem::replace(&mut self.records, vec![None; capacity]);
        for flight in old.into_iter().flatten() {
            let place = self.place(flight.number);
            self.records[place] = Some(flight);
        }
        self.next = self.after(self.next.wrapping_sub(1));
    }

    /// Whether all that is remembered has a place of its own in a ring of this length.
    fn fits(&self, capacity: usize) -> bool {
        let mut taken = vec![false; capacity];
        let mut places = self.records.iter().flatten().map(|flight| flight.number as usize % capacity);
        places.all(|place| !std::mem::replace(&mut taken[place], true))
    }

    /// Number that the next probe will have; `None` while the oldest record in its place is still in flight.
    pub fn vacancy(&self) -> Option<u32> {
        let holder = &self.records[self.place(self.next)];
        (!holder.is_some_and(|flight| flight.state == State::InFlight)).then_some(self.next)
    }

    /// Puts a probe at the number that [`Self::vacancy`] gave.
    pub fn launch(&mut self, flight: Flight) {
        let place = self.place(flight.number);
        self.records[place] = Some(flight);
        self.next = self.after(flight.number);
    }

    pub fn get(&self, number: u32) -> Option<&Flight> {
        self.records[self.place(number)].as_ref().filter(|flight| flight.number == number)
    }

    pub fn get_mut(&mut self, number: u32) -> Option<&mut Flight> {
        let place = self.place(number);
        self.records[place].as_mut().filter(|flight| flight.number == number)
    }

    /// The youngest probe to `address` with this sequence number: all that 8 quoted bytes tell.
    pub fn quoted(&mut self, sequence: u16, lane: u16, address: IpAddr) -> Option<&mut Flight> {
        let (next, numbers) = (i64::from(self.next), self.numbers() as i64);
        let back = i64::from(((next - 1) as u16).wrapping_sub(sequence));
        let rounds = self.records.len().div_ceil(Self::STEP) as i64;
        let number = (0..rounds)
            .map(|round| (next - 1 - back - round * Self::STEP as i64).rem_euclid(numbers) as u32)
            .find(|&number| self.get(number).is_some_and(|flight| flight.lane == lane && flight.address == address))?;
        self.get_mut(number)
    }

    /// Everything that is remembered.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Flight> {
        self.records.iter_mut().flatten()
    }

    fn place(&self, number: u32) -> usize {
        (number % self.records.len() as u32) as usize
    }

    /// Numbers begin anew where the ring does, so that every place is reused in its turn.
    fn after(&self, number: u32) -> u32 {
        if u64::from(number) + 1 >= self.numbers() { 0 } else { number + 1 }
    }

    /// How many there are before they begin anew.
    fn numbers(&self) -> u64 {
        let length = self.records.len() as u64;
        (1 << 32) / length * length
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn flight(number: u32, state: State) -> Flight {
        Flight {
            number,
            point: PointIndex(0),
            nonce: 0,
            address: Ipv4Addr::from(number % 7).into(),
            sent: Moment::default(),
            sent_at: Mono(0),
            lane: 0,
            size: 56,
            purpose: Purpose::Scheduled,
            state,
            explanation: None,
            unreachable_from_here: false,
        }
    }

    #[test]
    fn a_probe_in_flight_is_never_overwritten() {
        let mut flights = Flights::new(4096);
        for number in 0..4096 {
            assert_eq!(flights.vacancy(), Some(number));
            flights.launch(flight(number, State::InFlight));
        }
        assert_eq!(flights.vacancy(), None);
        flights.get_mut(0).unwrap().state = State::Answered;
        assert_eq!(flights.vacancy(), Some(4096));
        flights.launch(flight(4096, State::InFlight));
        assert!(flights.get(0).is_none());
    }

    #[test]
    fn growing_keeps_numbers_and_numbers_may_wrap() {
        let mut flights = Flights::new(4096);
        flights.next = u32::MAX - 10;
        for _ in 0..100 {
            let number = flights.vacancy().unwrap();
            flights.launch(flight(number, State::InFlight));
        }
        flights.reserve(100_000);
        assert_eq!(flights.iter_mut().count(), 100);
        assert!(flights.get(u32::MAX - 10).is_some() && flights.get(88).is_some() && flights.get(89).is_none());
    }

    #[test]
    fn a_ring_of_any_length_reuses_its_places_in_turn() {
        let mut flights = Flights::new(70_000);
        assert_eq!(flights.records.len(), 2 << 16);
        flights.reserve(150_000);
        assert_eq!(flights.records.len(), 3 << 16, "not four");
        let last = u32::try_from(flights.numbers() - 1).unwrap();
        let address = Ipv4Addr::new(192, 0, 2, 1).into();
        flights.next = last - 1_000;
        for _ in 0..3 << 16 {
            let number = flights.vacancy().expect("places come free in turn");
            flights.launch(flight(number, State::InFlight));
            if number == last {
                flights.get_mut(number).unwrap().address = address;
            }
        }
        assert_eq!(flights.vacancy(), None, "the oldest is still in flight");
        assert!(flights.get(last - 1_000).is_some() && flights.get(last).is_some() && flights.get(0).is_some());
        let quoted = flights.quoted(last as u16, 0, address).map(|flight| flight.number);
        assert_eq!(quoted, Some(last), "numbers have begun anew since");

        let held = flights.iter_mut().count();
        flights.reserve(250_000);
        assert_eq!(flights.iter_mut().count(), held, "none took the place of another");
    }

    #[test]
    fn eight_quoted_bytes_find_the_youngest_probe_to_that_address() {
        let mut flights = Flights::new(1 << 18);
        for number in 0..200_000 {
            flights.launch(flight(number, State::Answered));
        }
        let number = 150_000;
        let address = flight(number, State::Answered).address;
        assert_eq!(flights.quoted(number as u16, 0, address).unwrap().number, number);
        assert!(flights.quoted(number as u16, 1, address).is_none());
    }
}
