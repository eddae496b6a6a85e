//! The roster at a moment, as the API and the command line write it.

use chrono_tz::Tz;
use serde::Serialize;

use super::{Person, Role, Roster};
use crate::{
    contract::Words,
    units::{At, Timestamp},
};

#[derive(Debug, Serialize)]
pub struct View<'a> {
    pub at: At,
    pub roles: Vec<RoleView<'a>>,
    pub people: &'a [Person],
}

#[derive(Debug, Serialize)]
pub struct RoleView<'a> {
    pub role: &'a str,
    pub name: &'a Words,
    /// Somebody must be on duty at this moment.
    pub must_be_covered: bool,
    pub people: Vec<&'a Person>,
    pub shifts: Vec<ShiftView<'a>>,
    pub until: Option<At>,
}

#[derive(Debug, Serialize)]
pub struct ShiftView<'a> {
    pub shift: &'a str,
    pub from: At,
    pub to: At,
    pub people: &'a [String],
    pub instead: Option<&'a str>,
}

impl Roster {
    pub fn view(&self, at: Timestamp, zone: Tz) -> View<'_> {
        View {
            at: At(at, zone),
            roles: self.roles.iter().map(|role| self.role_view(role, at, zone)).collect(),
            people: &self.people,
        }
    }

    fn role_view<'a>(&'a self, role: &'a Role, at: Timestamp, zone: Tz) -> RoleView<'a> {
        let shifts = self.stretches(&role.id, at).into_iter().map(|stretch| ShiftView {
            shift: stretch.shift,
            from: At(stretch.from, zone),
            to: At(stretch.to, zone),
            people: stretch.people,
            instead: stretch.instead,
        });
        RoleView {
            role: &role.id,
            name: &role.name,
            must_be_covered: role.covers.as_ref().is_some_and(|covers| covers.is_open(at)),
            people: self.on_duty(&role.id, at),
            shifts: shifts.collect(),
            until: self.next_change(&role.id, at).map(|next| At(next, zone)),
        }
    }
}
