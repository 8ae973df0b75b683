//! What stands where on the screen: for who points at it, and for what a terminal is to know beyond cells.

use std::rc::Rc;

use ratatui::layout::{Position, Rect};

use super::canvas::Strip;
use super::wrap::{is_rtl, width};
use crate::proto::id::NodeId;

/// Something that can be pointed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// A window's name.
    Window(usize),
    Member(NodeId),
    /// What says that there is more below.
    End,
    Link(Rc<str>),
}

/// All of them, as they were drawn last.
#[derive(Debug, Default)]
pub(crate) struct Spots {
    places: Vec<(Rect, Spot)>,
    strips: Vec<Strip>,
    /// Whether the terminal is told where letters run from right to left.
    isolates: bool,
}

impl Spots {
    pub(crate) fn add(&mut self, place: Rect, spot: Spot) {
        self.places.push((place, spot));
    }

    /// Text that stands there, as far as `area` reaches: it may be a link, or run from right to left.
    pub(crate) fn text(&mut self, area: Rect, x: u16, y: u16, text: &str, link: Option<&Rc<str>>) {
        let is_rtl = self.isolates && is_rtl(text);
        if !is_rtl && link.is_none() || x >= area.right() {
            return;
        }
        let columns = width(text).min(area.right() - x);
        self.strips.push(Strip {
            x,
            y,
            columns,
            link: link.cloned(),
            is_rtl,
        });
        if let Some(link) = link {
            let place = Rect::new(x, y, columns, 1);
            self.places.push((place, Spot::Link(Rc::clone(link))));
        }
    }

    /// Something else is drawn over a place.
    pub(crate) fn cover(&mut self, place: Rect) {
        self.strips.retain(|strip| {
            let under = Rect::new(strip.x, strip.y, strip.columns, 1);
            !under.intersects(place)
        });
    }

    pub(crate) fn strips(&self) -> &[Strip] {
        &self.strips
    }

    /// Forgets all, before a frame.
    pub(crate) fn begin(&mut self, isolates: bool) {
        self.clear();
        self.isolates = isolates;
    }

    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.strips.clear();
    }

    /// What is there, the last drawn first.
    pub(crate) fn at(&self, x: u16, y: u16) -> Option<&Spot> {
        let at = Position::new(x, y);
        self.places
            .iter()
            .rev()
            .find(|(place, _)| place.contains(at))
            .map(|(_, spot)| spot)
    }
}
