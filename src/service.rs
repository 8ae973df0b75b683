//! A server as the system runs it: it says when it is ready, reads its settings again when it is asked to, shows
//! that it is alive, and hands over before it ends.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::level_filters::LevelFilter;

use crate::log::{self, Level};
use crate::node::{self, MeshSettings, Server};
use crate::report::Failure;
use crate::signals::{Signals, Wish};
use crate::systemd::Systemd;

/// What a server is told from outside.
#[derive(Clone, Debug)]
pub struct Orders {
    pub settings: MeshSettings,
    pub log: LevelFilter,
}

/// Serves until the system wishes an end. `reread` reads the orders again.
///
/// # Errors
/// If it cannot begin, or breaks; the message is for a person.
pub async fn run(
    orders: Orders,
    reread: impl Fn() -> Result<Orders, Failure>,
) -> anyhow::Result<()> {
    let level = log::to_stderr(orders.log);
    let systemd = Systemd::listening()?;
    let mut signals = Signals::listen().context("listening for signals")?;
    let server = node::serve(orders.settings)?;
    let mut service = Service {
        server,
        systemd,
        level,
    };
    service.is_ready()?;
    let mut pulse = service.systemd.pulse().map(every);
    loop {
        tokio::select! {
            wish = signals.next() => match wish {
                Wish::End => return service.end().await,
                Wish::Reload => service.reload(reread()).await,
            },
            error = service.server.broken() => return Err(error),
            () = beat(&mut pulse) => {
                if service.server.is_well().await {
                    service.systemd.alive();
                } else {
                    tracing::error!("the node does not answer; systemd will end it if that lasts");
                }
            }
        }
    }
}

struct Service {
    server: Server,
    systemd: Systemd,
    level: Level,
}

impl Service {
    /// Says so, to whoever started it by hand and to systemd.
    fn is_ready(&self) -> anyhow::Result<()> {
        let ready = self.server.ready();
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{ready}").and_then(|()| out.flush()) {
            // Nobody reading there is no failure.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                return Err(error).context("writing to standard output");
            }
            Ok(()) | Err(_) => {}
        }
        self.systemd.ready(&ready);
        Ok(())
    }

    async fn reload(&mut self, orders: Result<Orders, Failure>) {
        self.systemd.reloading();
        match orders {
            Ok(Orders { settings, log }) => {
                let done = self.server.reload(settings).await;
                let level = self.level.change(log);
                let level = level.map(|before| format!("log = \"{log}\", was \"{before}\""));
                let changed: Vec<String> = done.changed.into_iter().chain(level).collect();
                for change in &changed {
                    tracing::info!(%change, "reloaded");
                }
                for key in &done.after_restart {
                    tracing::warn!(key, "changed, and waits for a restart");
                }
                if changed.is_empty() && done.after_restart.is_empty() {
                    tracing::info!("reloaded; nothing has changed");
                }
                self.systemd.ready(&self.server.ready());
            }
            Err(failure) => {
                tracing::error!(%failure, "cannot reload; all stays as it was");
                self.systemd.ready(&format!("not reloaded: {failure}"));
            }
        }
    }

    async fn end(self) -> anyhow::Result<()> {
        tracing::info!("ending");
        self.systemd.stopping();
        self.server.end().await
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits for the next time to show life, if somebody watches. Cancel-safe.
async fn beat(pulse: &mut Option<Interval>) {
    match pulse {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}
