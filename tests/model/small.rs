//! The worlds that are explored, each as small as what it shows allows.

use crate::scene::Scene;

#[test]
fn two_people_meet() {
    let mut scene = Scene::new(1, 2);
    scene.joins(0);
    scene.joins(1);
    scene.says(0, "hello");
    scene.holds("two people meet");
}

#[test]
fn two_people_talk_while_time_passes() {
    let mut scene = Scene::circle(1, 2);
    scene.says(0, "hello");
    scene.says(1, "hi");
    scene.timers(2);
    scene.holds("two people talk, 2 timers");
}

#[test]
fn one_of_two_crashes_and_comes_back() {
    let mut scene = Scene::circle(1, 2);
    scene.says(0, "hello");
    scene.says(1, "hi");
    scene.crashes(&[0, 1], 1, 1);
    scene.timers(2);
    scene.holds("two people, a crash and a restart, 2 timers");
}

#[test]
fn a_link_is_cut() {
    let mut scene = Scene::circle(1, 2);
    scene.says(0, "hello");
    scene.says(1, "hi");
    scene.cuts(1);
    scene.timers(2);
    scene.holds("two people, a cut, 2 timers");
}

#[test]
fn the_host_leaves() {
    let mut scene = Scene::circle(1, 2);
    scene.says(1, "hi");
    scene.parts(0);
    scene.timers(2);
    scene.holds("two people, the host leaves, 2 timers");
}

#[test]
fn the_host_of_three_crashes() {
    let mut scene = Scene::circle(1, 3);
    scene.says(1, "hi");
    scene.crashes(&[0], 1, 0);
    scene.timers(2);
    scene.holds("three people, the host crashes, 2 timers");
}

#[test]
fn the_responsible_supernode_crashes() {
    let mut scene = Scene::circle(2, 2);
    scene.says(1, "hi");
    scene.loses_the_responsible();
    scene.timers(2);
    scene.holds("two people, the responsible supernode crashes, 2 timers");
}
