//! What happens, in words.

use crate::model::{Choice, Model};
use crate::state::{Item, State};

impl Model {
    /// A choice in words.
    pub fn tell(&self, state: &State, choice: Choice) -> String {
        let name = |ix: u8| self.cast.actors[usize::from(ix)].name;
        let ends = |link: u8, side: u8| {
            let link = &state.links[usize::from(link)];
            let ends = [side, 1 - side].map(|side| name(link.pair[usize::from(side)]));
            (ends[0], ends[1])
        };
        match choice {
            Choice::Arrive { link, side } => {
                let (to, from) = ends(link, side);
                let item = state.links[usize::from(link)].inbox[usize::from(side)].front();
                let what = match item {
                    Some(Item::Message(message)) => {
                        self.cast.named(&self.messages[*message as usize])
                    }
                    Some(Item::Up) => "the link is up".to_owned(),
                    Some(Item::Closed(reason)) => format!("the link is closed ({reason})"),
                    None => "nothing".to_owned(),
                };
                format!("{to:<8} <- {from}: {what}")
            }
            Choice::Miss { link, side } => {
                let (who, whom) = ends(link, side);
                format!("{who:<8} loses the link to {whom}")
            }
            Choice::Disk(node) => format!("{:<8} has written the first of what waits", name(node)),
            Choice::Timer(node) => format!("{:<8} waits until a timer makes it act", name(node)),
            Choice::Tick(node) => format!("{:<8} waits for its next timer", name(node)),
            Choice::Command(node) => {
                let next = self.next_command(state, usize::from(node));
                let command = next.map(|next| &self.cast.commands[usize::from(next)].1);
                format!("{:<8} is asked to {command:?}", name(node))
            }
            Choice::Crash { node, done } => {
                let waits = self.local(state, usize::from(node)).jobs();
                let name = name(node);
                format!("{name:<8} crashes with {done} of {waits} writes done")
            }
            Choice::Restart(node) => format!("{:<8} starts again", name(node)),
            Choice::Cut { link } => {
                let (one, other) = ends(link, 0);
                format!("the link of {one} and {other} is cut")
            }
        }
    }
}
