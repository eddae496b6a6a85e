//! Keeps the addresses of named targets up to date for the loop.

use std::{
    collections::HashMap,
    sync::{Arc, mpsc::SyncSender},
};

use super::{Control, load::Loaded};
use crate::{
    inventory::{PointIndex, Target},
    probe::resolve::{Bounds, Names, Resolved, Resolver},
};

/// The names of one plan, being looked up.
pub(super) struct Naming {
    runtime: tokio::runtime::Handle,
    resolver: Resolver,
    itself: SyncSender<Control>,
    points: HashMap<Arc<str>, Vec<PointIndex>>,
    names: Names,
}

impl Naming {
    pub fn start(
        runtime: tokio::runtime::Handle,
        resolver: Resolver,
        itself: SyncSender<Control>,
        loaded: &Loaded,
    ) -> Self {
        let points = named_points(loaded);
        let names = watch(&runtime, &resolver, &itself, &points);
        Self { runtime, resolver, itself, points, names }
    }

    /// Takes the names of new files. All are looked up at once; their points keep the address that they had until then.
    pub fn replan(&mut self, loaded: &Loaded) {
        self.points = named_points(loaded);
        self.names = watch(&self.runtime, &self.resolver, &self.itself, &self.points);
    }

    /// The points that a name stands for.
    pub fn points(&self, name: &str) -> &[PointIndex] {
        self.points.get(name).map_or(&[], Vec::as_slice)
    }

    /// Names whose last lookup failed.
    pub fn failing(&self) -> usize {
        self.names.failing()
    }
}

fn watch(
    runtime: &tokio::runtime::Handle,
    resolver: &Resolver,
    itself: &SyncSender<Control>,
    points: &HashMap<Arc<str>, Vec<PointIndex>>,
) -> Names {
    let _entered = runtime.enter();
    let itself = itself.clone();
    Names::watch(resolver, points.keys().cloned(), Bounds::default(), move |Resolved { name, address }| {
        // The loop may have ended.
        let _ = itself.send(Control::Resolved { name, address });
    })
}

fn named_points(loaded: &Loaded) -> HashMap<Arc<str>, Vec<PointIndex>> {
    let mut points: HashMap<Arc<str>, Vec<PointIndex>> = HashMap::new();
    for (number, point) in loaded.inventory.links.iter().flat_map(crate::inventory::Link::numbered_points) {
        if let Target::Name(name) = &point.target {
            points.entry(name.as_str().into()).or_default().push(number);
        }
    }
    points
}
