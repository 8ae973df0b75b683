//! The ring: which supernode is responsible for a group or a person, computed by everybody for themselves.
//!
//! The formula is that of Armstrong's mail of 2006: K = md5(IP) mod 2^32 of each supernode, J = md5("#group")
//! mod 2^32, points on a circle; the node whose K is closest to J is responsible. The port is never part of it:
//! with IP and port one address would be enough to sit next to any chosen group.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv6Addr};

use md5::{Digest, Md5};

use super::id::{GroupName, NodeId};

/// A point on the circle of 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point(pub u32);

impl Point {
    /// Where the supernode at `ip` stands. Of an IPv6 address only the /64 prefix counts, since whoever has
    /// one address there has all of them.
    #[must_use]
    pub fn of_ip(ip: IpAddr) -> Self {
        Self::of_text(&Self::text_of_ip(ip))
    }

    /// The text whose md5 that is.
    #[must_use]
    pub fn text_of_ip(ip: IpAddr) -> String {
        match ip.to_canonical() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 64 << 64).to_string(),
        }
    }

    /// Where a group lives.
    #[must_use]
    pub fn of_group(group: &GroupName) -> Self {
        Self::of_text(group.as_str())
    }

    /// Where the whereabouts of a person live.
    #[must_use]
    pub fn of_person(person: &NodeId) -> Self {
        Self::of_text(&person.to_string())
    }

    /// The md5 of `text`, read as one big-endian number, mod 2^32: its last four bytes.
    fn of_text(text: &str) -> Self {
        let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
        let [.., a, b, c, d] = digest;
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// The way to `other` around the circle, the shorter of the two; at most 2^31.
    #[must_use]
    pub fn distance(self, other: Self) -> u32 {
        self.clockwise(other).min(other.clockwise(self))
    }

    /// The point at 180 degrees.
    #[must_use]
    pub fn opposite(self) -> Self {
        Self(self.0.wrapping_add(1 << 31))
    }

    /// The way to `other` in the direction of growing numbers.
    fn clockwise(self, other: Self) -> u32 {
        other.0.wrapping_sub(self.0)
    }
}

/// The supernodes in their places on the circle, one a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    /// Sorted by point; no point twice.
    places: Vec<(Point, NodeId)>,
}

impl Ring {
    /// The ring of these supernodes. Of several at one point, which is several at one IP, the one with the
    /// lowest NodeId stands there.
    #[must_use]
    pub fn new(nodes: impl IntoIterator<Item = (NodeId, IpAddr)>) -> Self {
        let places = nodes.into_iter().map(|(node, ip)| (Point::of_ip(ip), node));
        Self::of_places(places.collect())
    }

    /// The same of those whose points are known.
    pub(crate) fn of_places(mut places: Vec<(Point, NodeId)>) -> Self {
        places.sort_unstable();
        places.dedup_by_key(|(point, _)| *point);
        Self { places }
    }

    /// The supernode responsible for what lives at `point`: the closest; of two equally close ones the lower
    /// NodeId. `None` on an empty ring.
    #[must_use]
    pub fn responsible(&self, point: Point) -> Option<NodeId> {
        self.outward(point).next().map(|(node, _, _)| node)
    }

    /// The second closest: the one that takes over when the responsible one dies.
    #[must_use]
    pub fn second(&self, point: Point) -> Option<NodeId> {
        self.outward(point).nth(1).map(|(node, _, _)| node)
    }

    /// The one closest to 180 degrees from `point`: the independent witness. It is the farthest of all, so
    /// that it differs from the responsible one as soon as there are two, and from the second with three.
    #[must_use]
    pub fn opposite(&self, point: Point) -> Option<NodeId> {
        self.responsible(point.opposite())
    }

    /// Every supernode with its point and its distance, the closest first.
    #[must_use]
    pub fn nearest(&self, point: Point) -> Vec<(NodeId, Point, u32)> {
        self.outward(point).collect()
    }

    /// The `count` supernodes closest to `point`.
    pub fn around(&self, point: Point, count: usize) -> impl Iterator<Item = NodeId> {
        self.outward(point).map(|(node, _, _)| node).take(count)
    }

    /// The supernodes next to `point` on either side: one of them takes over what lives near who stands there.
    #[must_use]
    pub fn beside(&self, point: Point) -> Vec<NodeId> {
        let count = self.places.len();
        let others = self.places.iter().filter(|(place, _)| *place != point);
        if count < 4 {
            return others.map(|(_, node)| *node).collect();
        }
        let at = self.places.partition_point(|(place, _)| *place < point);
        let after = at + usize::from(self.places[at % count].0 == point);
        let beside = [after % count, (at + count - 1) % count];
        beside.map(|at| self.places[at].1).into()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Walks both ways around the circle from `point` at once, always taking the closer next one. Neither walk
    /// passes the antipode before the other has come to it, so the way walked is the distance.
    fn outward(&self, point: Point) -> impl Iterator<Item = (NodeId, Point, u32)> {
        let count = self.places.len();
        let start = self.places.partition_point(|(place, _)| *place < point);
        let (mut forward, mut back) = (0, 0);
        std::iter::from_fn(move || {
            if forward + back == count {
                return None;
            }
            let (right, on_right) = self.places[(start + forward) % count];
            let (left, on_left) = self.places[(start + count - 1 - back) % count];
            let ahead = (point.clockwise(right), on_right);
            let behind = (left.clockwise(point), on_left);
            match ahead.cmp(&behind) {
                Ordering::Less | Ordering::Equal => {
                    forward += 1;
                    Some((on_right, right, point.distance(right)))
                }
                Ordering::Greater => {
                    back += 1;
                    Some((on_left, left, point.distance(left)))
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn node(number: u32) -> NodeId {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        NodeId(key)
    }

    /// The figures are `printf %s TEXT | md5sum`, the last eight digits.
    #[test]
    fn points_are_the_arithmetic_of_the_mail() {
        for (text, point) in [
            // 190dafab69706a67221c1226360de7dc mod 2^32
            ("10.0.0.1", 0x360d_e7dc),
            ("10.0.0.2", 0x495c_4248),
            ("10.0.0.3", 0xfd9b_0e46),
            ("127.0.0.1", 0xca0c_b8d6),
            ("192.0.2.1", 0xaccc_d784),
            // An IPv4 address in IPv6's clothes is itself.
            ("::ffff:10.0.0.1", 0x360d_e7dc),
            // md5 of "2001:db8:0:1::", the /64 prefix, for every address in it.
            ("2001:db8:0:1::7", 0xd861_4993),
            ("2001:db8:0:1:ffff:1:2:3", 0xd861_4993),
            // md5 of "2001:db8::"
            ("2001:db8::1", 0x4e28_8ad6),
        ] {
            assert_eq!(Point::of_ip(ip(text)), Point(point), "{text}");
        }
        for (name, point) in [
            // 6fd0bd33dd857c0b4de04b474e1906ba mod 2^32
            ("#erlang", 0x4e19_06ba),
            ("#Hearth", 0xda78_0ff6),
            ("#hearth", 0xda78_0ff6),
        ] {
            let group = GroupName::parse(name).unwrap();
            assert_eq!(Point::of_group(&group), Point(point), "{name}");
        }
    }

    /// J(#erlang) = 1310262970; K of 10.0.0.1, .2, .3 = 906880988, 1230783048, 4254797382: the differences are
    /// 403381982, 79479922 and, around the circle, 1350432884 (2944534412 along the line).
    #[test]
    fn the_closest_supernode_is_responsible_and_distance_goes_around_the_circle() {
        let (one, two, three) = (node(1), node(2), node(3));
        let ring = Ring::new([
            (one, ip("10.0.0.1")),
            (two, ip("10.0.0.2")),
            (three, ip("10.0.0.3")),
        ]);
        let erlang = Point::of_group(&GroupName::parse("#erlang").unwrap());
        let distances: Vec<_> = ring.nearest(erlang).iter().map(|n| (n.0, n.2)).collect();
        assert_eq!(
            distances,
            [
                (two, 79_479_922),
                (one, 403_381_982),
                (three, 1_350_432_884)
            ]
        );
        assert_eq!(ring.responsible(erlang), Some(two));
        assert_eq!(ring.second(erlang), Some(one));
        assert_eq!(ring.opposite(erlang), Some(three));
        // #hearth at 3665301494: 10.0.0.3 is 589495888 away, and 10.0.0.1, across zero, 1536546790.
        let hearth = Point::of_group(&GroupName::parse("#hearth").unwrap());
        assert_eq!(ring.responsible(hearth), Some(three));
        assert_eq!(ring.second(hearth), Some(one));
    }

    #[test]
    fn an_empty_ring_has_nobody_and_one_node_is_everything_but_second() {
        let empty = Ring::default();
        assert_eq!(empty.responsible(Point(7)), None);
        assert_eq!(empty.opposite(Point(7)), None);
        let single = Ring::new([(node(1), ip("10.0.0.1"))]);
        assert_eq!(single.responsible(Point(7)), Some(node(1)));
        assert_eq!(single.second(Point(7)), None);
        assert_eq!(single.opposite(Point(7)), Some(node(1)));
    }

    #[test]
    fn one_address_has_one_place_and_the_lower_key_holds_it() {
        let ring = Ring::new([
            (node(2), ip("10.0.0.1")),
            (node(1), ip("10.0.0.1")),
            (node(3), ip("::ffff:10.0.0.1")),
        ]);
        assert_eq!(ring.len(), 1);
        assert_eq!(ring.responsible(Point(0)), Some(node(1)));
    }

    #[test]
    fn distances_are_the_same_both_ways_and_at_most_half_the_circle() {
        assert_eq!(Point(5).distance(Point(u32::MAX)), 6);
        assert_eq!(Point(0).distance(Point(1 << 31)), 1 << 31);
        assert_eq!(Point(3).opposite().distance(Point(3)), 1 << 31);
    }

    proptest! {
        #[test]
        fn the_ring_agrees_with_trying_every_node(
            addresses in prop::collection::btree_set(any::<u32>(), 0..40),
            at in any::<u32>(),
        ) {
            let nodes: Vec<_> = addresses
                .iter()
                .zip(1..)
                .map(|(bits, n)| (node(n), IpAddr::V4(Ipv4Addr::from(*bits))))
                .collect();
            check_against_brute_force(&nodes, Point(at))?;
            // On a node's own point, and where ties are: opposite to it.
            if let Some((_, ip)) = nodes.first() {
                check_against_brute_force(&nodes, Point::of_ip(*ip))?;
                check_against_brute_force(&nodes, Point::of_ip(*ip).opposite())?;
            }
        }

        #[test]
        fn ties_go_to_the_lower_key(at in any::<u32>(), off in 1..=1_u32 << 31) {
            let (low, high) = (node(1), node(2));
            for (left, right) in [(low, high), (high, low)] {
                let mut places = vec![
                    (Point(at.wrapping_sub(off)), left),
                    (Point(at.wrapping_add(off)), right),
                ];
                places.sort_unstable();
                places.dedup_by_key(|place| place.0);
                let ring = Ring { places };
                let expected = ring.places.iter().map(|place| place.1).min();
                prop_assert_eq!(ring.responsible(Point(at)), expected);
            }
        }
    }

    fn check_against_brute_force(
        nodes: &[(NodeId, IpAddr)],
        at: Point,
    ) -> Result<(), TestCaseError> {
        let ring = Ring::new(nodes.iter().copied());
        let mut all: Vec<_> = nodes
            .iter()
            .map(|(node, ip)| (at.distance(Point::of_ip(*ip)), *node))
            .collect();
        all.sort_unstable();
        let found: Vec<_> = ring.nearest(at).iter().map(|n| (n.2, n.0)).collect();
        prop_assert_eq!(found, all.clone());
        prop_assert_eq!(ring.responsible(at), all.first().map(|n| n.1));
        prop_assert_eq!(ring.second(at), all.get(1).map(|n| n.1));
        let farthest = nodes
            .iter()
            .map(|(node, ip)| (at.opposite().distance(Point::of_ip(*ip)), *node))
            .min();
        prop_assert_eq!(ring.opposite(at), farthest.map(|n| n.1));
        Ok(())
    }
}
