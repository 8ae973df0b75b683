//! How the network and the disks behave, and how bad it may get.

use crate::rng::Rng;

/// Frames in a thousand that are lost at most when all is well.
const CALM_LOSS_PERMILLE: u64 = 30;
/// The longest that a frame is held up by a spike of delay.
pub const SPIKE_MS: u64 = 2_000;

/// How much is allowed to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// People come and go by their own word.
    Calm,
    /// Clients crash and return, links break.
    Rough,
    /// Mesh nodes crash, the network parts, clocks jump.
    Storm,
}

/// How the network and the disks behave.
#[derive(Clone, Debug)]
pub struct Weather {
    /// One-way delay between two nodes; each direction of each pair draws its own, for good.
    pub distance_ms: (u64, u64),
    /// More delay, drawn for each frame.
    pub jitter_ms: u64,
    /// Frames in a thousand that are lost and sent again, which shows as delay.
    pub loss_permille: u64,
    /// Frames in a thousand that are held up for up to [`SPIKE_MS`], and all behind them with them.
    pub spikes_permille: u64,
    /// Frames in a million at which the link breaks.
    pub breaks_per_million: u64,
    /// From the end of one disk job to the end of the next.
    pub flush_ms: (u64, u64),
    /// How long after the last sign of life a link is quiet; and where a machine says that nobody is there.
    pub quiet_ms: (u64, u64),
    pub refused_ms: (u64, u64),
    /// After how long without a sign of life a link is given up.
    pub idle_ms: (u64, u64),
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            distance_ms: (1, 120),
            jitter_ms: 10,
            loss_permille: 5,
            spikes_permille: 0,
            breaks_per_million: 0,
            flush_ms: (1, 20),
            quiet_ms: (1_500, 2_250),
            refused_ms: (550, 1_350),
            idle_ms: (30_000, 31_000),
        }
    }
}

impl Weather {
    /// Weather drawn by chance, worse where there is more trouble.
    pub fn drawn(chance: &mut Rng, trouble: Trouble) -> Self {
        let far = [5, 30, 120, 300];
        let most = chance.pick(&far).copied().unwrap_or(30);
        let slow = [2, 20, 300];
        let flush = chance.pick(&slow).copied().unwrap_or(20);
        let loss = match trouble {
            Trouble::Storm if chance.chance(1, 3) => 300,
            Trouble::Calm | Trouble::Rough | Trouble::Storm => CALM_LOSS_PERMILLE,
        };
        Self {
            distance_ms: (1, most),
            jitter_ms: chance.range(0, 30),
            loss_permille: chance.range(0, loss),
            spikes_permille: match trouble {
                Trouble::Calm => 0,
                Trouble::Rough | Trouble::Storm => chance.range(0, 5),
            },
            breaks_per_million: match trouble {
                Trouble::Calm => 0,
                Trouble::Rough | Trouble::Storm => chance.range(0, 500),
            },
            flush_ms: (1, flush),
            ..Self::default()
        }
    }

    /// Whoever judges waits for calm; what was lost by then stays lost.
    pub fn calm(&mut self) {
        self.breaks_per_million = 0;
        self.spikes_permille = 0;
        self.loss_permille = self.loss_permille.min(CALM_LOSS_PERMILLE);
    }
}
