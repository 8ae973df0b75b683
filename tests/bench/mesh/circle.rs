//! The ring by itself, with the product's own arithmetic: who gets how much, what moves, and what it takes to seize a
//! group.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use fireside::proto::id::{GroupName, NodeId};
use fireside::proto::ring::{Point, Ring};
use md5::{Digest, Md5};

use crate::rng::Rng;

/// Points that each node has where it has more than the one of the formula.
const POINTS: u32 = 16;
/// Groups that somebody tries to seize.
const TARGETS: usize = 200;
/// Supernodes looked at, at most, where each is looked at for each group.
const LOOKS: usize = 4_000_000;

type Node = (NodeId, IpAddr);

/// What one ring shows, or the mean of several.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// The most groups that a supernode has, of the mean; and how they scatter.
    pub most: f64,
    pub scatter: f64,
    /// The same, with more points a node.
    pub most_of_many: f64,
    /// The most groups that have one supernode for their second closest.
    pub most_second: f64,
    /// The share of groups that move when one joins, and when one leaves.
    pub joined: f64,
    pub left: f64,
    /// Random addresses until one is nearest to a chosen group, in the middle.
    pub addresses: f64,
    /// The share of chosen groups to which some address of a /24 is nearest.
    pub network: f64,
    /// The share of groups that would live elsewhere if distance did not go around the circle.
    pub linear: f64,
}

/// Where `count` groups live.
pub fn groups(count: usize) -> Vec<Point> {
    let name = |n| GroupName::parse(&format!("#group-{n}")).expect("letters and digits");
    (0..count).map(|n| Point::of_group(&name(n))).collect()
}

/// The mean of `sets` rings of so many supernodes, each of other addresses.
pub fn mean(supernodes: usize, groups: &[Point], sets: u64) -> Figures {
    let seeds = 1..=sets;
    let all: Vec<_> = seeds
        .map(|seed| of(&mut Rng::of(seed, supernodes as u64), supernodes, groups))
        .collect();
    let mean = |of: fn(&Figures) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    Figures {
        most: mean(|f| f.most),
        scatter: mean(|f| f.scatter),
        most_of_many: mean(|f| f.most_of_many),
        most_second: mean(|f| f.most_second),
        joined: mean(|f| f.joined),
        left: mean(|f| f.left),
        addresses: mean(|f| f.addresses),
        network: mean(|f| f.network),
        linear: mean(|f| f.linear),
    }
}

/// So many supernodes at addresses of chance.
pub fn nodes(supernodes: usize) -> Vec<(NodeId, IpAddr)> {
    addresses(&mut Rng::of(1, supernodes as u64), supernodes)
}

fn of(draw: &mut Rng, supernodes: usize, groups: &[Point]) -> Figures {
    let mut nodes = addresses(draw, supernodes + 1);
    let newcomer = nodes.pop().expect("there is one more than asked for");
    let ring = Ring::new(nodes.iter().copied());
    let with = Ring::new(nodes.iter().copied().chain([newcomer]));
    let without = Ring::new(nodes[1..].iter().copied());
    let owners: Vec<_> = groups.iter().map(|at| ring.responsible(*at)).collect();
    let moved = |other: &Ring| {
        let now = groups.iter().map(|at| other.responsible(*at));
        let moved = now.zip(&owners).filter(|(now, before)| now != *before);
        moved.count() as f64 / groups.len() as f64
    };
    let seconds = groups.iter().filter_map(|at| ring.second(*at));
    let (most, scatter) = balance(owners.iter().flatten().copied(), supernodes);
    let (most_second, _) = balance(seconds, supernodes);
    let (most_of_many, _) = balance(owners_of_many(&nodes, groups), supernodes);
    let (addresses, network) = seizing(draw, &ring, groups);
    Figures {
        most,
        scatter,
        most_of_many,
        most_second,
        joined: moved(&with),
        left: moved(&without),
        addresses,
        network,
        linear: elsewhere_on_a_line(&nodes, groups, &owners),
    }
}

/// The most of one node and the scatter, both of the mean.
fn balance(owners: impl Iterator<Item = NodeId>, nodes: usize) -> (f64, f64) {
    let mut counts = BTreeMap::<NodeId, u64>::new();
    for owner in owners {
        *counts.entry(owner).or_default() += 1;
    }
    let mean = counts.values().sum::<u64>() as f64 / nodes as f64;
    let most = counts.values().max().copied().unwrap_or_default() as f64;
    // A node without any is not in the counts.
    let empty = (nodes - counts.len()) as f64 * mean * mean;
    let squares = counts.values().map(|count| (*count as f64 - mean).powi(2));
    let scatter = ((squares.sum::<f64>() + empty) / nodes as f64).sqrt();
    (most / mean, scatter / mean)
}

/// Who has each group where every node stands at [`POINTS`] points: at that of the formula, and at those of its address
/// with a number behind it.
fn owners_of_many(nodes: &[Node], groups: &[Point]) -> impl Iterator<Item = NodeId> {
    let point = |ip: &IpAddr, number: u32| match number {
        0 => Point::of_ip(*ip).0,
        _ => last_four(&format!("{ip}#{number}")),
    };
    let of_one = |(node, ip): &Node| {
        (0..POINTS)
            .map(|n| (point(ip, n), *node))
            .collect::<Vec<_>>()
    };
    let mut places: Vec<_> = nodes.iter().flat_map(of_one).collect();
    places.sort_unstable();
    groups.iter().map(move |at| {
        let next = places.partition_point(|(place, _)| *place < at.0);
        let count = places.len();
        let beside = [next % count, (next + count - 1) % count].map(|n| places[n]);
        let nearest = beside
            .into_iter()
            .min_by_key(|(place, _)| at.distance(Point(*place)));
        nearest.expect("there are two").1
    })
}

fn last_four(text: &str) -> u32 {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    let [.., a, b, c, d] = digest;
    u32::from_be_bytes([a, b, c, d])
}

/// The share of groups whose owner would be another by the difference of the two numbers alone, as the mail writes it.
fn elsewhere_on_a_line(nodes: &[Node], groups: &[Point], owners: &[Option<NodeId>]) -> f64 {
    let places: Vec<_> = nodes
        .iter()
        .map(|(node, ip)| (Point::of_ip(*ip), *node))
        .collect();
    let looked_at = groups.len().min(LOOKS / nodes.len());
    let sample = groups.iter().zip(owners).take(looked_at);
    let differ = sample.filter(|(at, owner)| {
        let nearest = places
            .iter()
            .min_by_key(|(place, _)| place.0.abs_diff(at.0));
        nearest.map(|(_, node)| *node) != **owner
    });
    differ.count() as f64 / looked_at as f64
}

/// How many random addresses it takes until one is nearer to a group than its owner, in the middle of some groups; and
/// to how many of them some address of a random /24 is.
fn seizing(draw: &mut Rng, ring: &Ring, groups: &[Point]) -> (f64, f64) {
    let mut tries = Vec::new();
    let mut by_network = 0;
    for _ in 0..TARGETS {
        let target = draw.pick(groups).copied().expect("there are groups");
        let nearest = ring.nearest(target)[0].2;
        let is_nearer = |ip| Point::of_ip(IpAddr::V4(ip)).distance(target) < nearest;
        let mut count = 1;
        while !is_nearer(address(draw)) {
            count += 1;
        }
        tries.push(count);
        let [a, b, c, _] = address(draw).octets();
        by_network += usize::from((1..=254).any(|d| is_nearer(Ipv4Addr::new(a, b, c, d))));
    }
    tries.sort_unstable();
    let middle = f64::from(tries[tries.len() / 2]);
    (middle, by_network as f64 / TARGETS as f64)
}

/// So many nodes in an order of chance, each at an address of its own.
fn addresses(draw: &mut Rng, count: usize) -> Vec<Node> {
    let mut known = BTreeSet::new();
    let mut nodes = Vec::new();
    while nodes.len() < count {
        let ip = address(draw);
        if known.insert(ip) {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&draw.next().to_be_bytes());
            nodes.push((NodeId(key), IpAddr::V4(ip)));
        }
    }
    nodes
}

fn address(draw: &mut Rng) -> Ipv4Addr {
    let [a, b, c, d, ..] = draw.next().to_be_bytes();
    Ipv4Addr::new(a % 223 + 1, b, c, d % 254 + 1)
}
