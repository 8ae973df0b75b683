//! The mouse: the wheel scrolls, and a click goes to a group, calls a member, takes a link. With Shift it is the
//! terminal's own, to select with.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::app::App;
use super::editor::Edit;
use super::press::Wish;
use super::spot::Spot;
use crate::proto::id::NodeId;
use crate::sanitize;

/// Rows one step of the wheel moves.
pub(super) const WHEEL: usize = 3;

impl App {
    /// Takes the mouse in.
    pub fn point(&mut self, mouse: MouseEvent) -> Wish {
        let wheel = u16::try_from(WHEEL).unwrap_or(1);
        match (mouse.kind, &mut self.help) {
            (MouseEventKind::ScrollUp, Some(row)) => *row = row.saturating_sub(wheel),
            (MouseEventKind::ScrollDown, Some(row)) => *row = row.saturating_add(wheel),
            (MouseEventKind::ScrollUp, None) => self.scroll_up(WHEEL),
            (MouseEventKind::ScrollDown, None) => self.scroll_down(WHEEL),
            (MouseEventKind::Down(MouseButton::Left), None) => {
                return self.click(mouse.column, mouse.row);
            }
            _ => {}
        }
        Wish::Nothing
    }

    fn click(&mut self, x: u16, y: u16) -> Wish {
        let spot = self.spots.at(x, y).cloned();
        if !matches!(spot, Some(Spot::Link(_))) {
            self.pick = None;
            self.taken = None;
        }
        match spot {
            Some(Spot::Window(index)) => self.go(index),
            Some(Spot::Member(id)) => self.call(&id),
            Some(Spot::End) => self.bottom(),
            Some(Spot::Link(link)) => return self.pick_link(&link),
            None => {}
        }
        Wish::Nothing
    }

    /// Writes a member's name where the cursor is, as one addresses people.
    fn call(&mut self, id: &NodeId) {
        let members = &self.window().members;
        let Some(member) = members.iter().find(|member| member.id == *id) else {
            return;
        };
        let nick = sanitize::name(member.nick.as_str());
        let text = match self.editor.text()[..self.editor.cursor()]
            .chars()
            .next_back()
        {
            None => format!("{nick}: "),
            Some(c) if c.is_whitespace() => format!("{nick} "),
            Some(_) => format!(" {nick} "),
        };
        for c in text.chars() {
            let (editor, history) = self.editor_and_history();
            editor.edit(Edit::Insert(c), history);
        }
    }
}
