//! The worlds that are explored, each as small as what it shows allows.

use crate::scene::Scene;

#[test]
fn somebody_alone_crashes_at_any_moment_and_comes_back() {
    let mut scene = Scene::new(1, 1);
    scene.joins(0);
    scene.says(0, "hello");
    scene.crashes(&[0], 1, 1);
    scene.all_wait(1);
    scene.holds("alone, a crash and a restart, 1 timer");
}

#[test]
fn two_people_meet() {
    let mut scene = Scene::new(1, 2);
    scene.joins(0);
    scene.joins(1);
    scene.says(0, "hello");
    scene.holds("two meet, a line");
}

#[test]
fn the_founder_crashes_while_another_comes() {
    let mut scene = Scene::new(1, 2);
    scene.joins(0);
    scene.joins(1);
    scene.crashes(&[0], 1, 1);
    scene.supernodes_wait(1);
    scene.holds("two meet, the founder crashes and restarts, 1 timer of the supernode");
}

#[test]
fn two_people_talk_while_time_passes() {
    let mut scene = Scene::circle(1, 2);
    scene.says(0, "hello");
    scene.says(1, "hi");
    scene.all_wait(3);
    scene.holds("two talk, 2 lines, 3 timers");
}

#[test]
fn the_host_crashes() {
    let mut scene = Scene::circle(1, 2);
    scene.says(0, "hello");
    scene.says(1, "hi");
    scene.crashes(&[0], 1, 0);
    scene.all_wait(2);
    scene.holds("two, the host crashes, 2 lines, 2 timers");
}

#[test]
fn the_host_crashes_and_comes_back() {
    let mut scene = Scene::circle(1, 2);
    scene.says(1, "hi");
    scene.crashes(&[0], 1, 1);
    scene.supernodes_wait(1);
    scene.holds("two, the host crashes and restarts, 1 line, 1 timer of the supernode");
}

#[test]
fn the_heir_crashes_and_comes_back() {
    let mut scene = Scene::circle(1, 2);
    scene.says(1, "one");
    scene.says(1, "two");
    scene.crashes(&[1], 1, 1);
    scene.supernodes_wait(1);
    scene.holds("two, the heir crashes and restarts, 2 lines of it, 1 timer of the supernode");
}

#[test]
fn host_and_heir_lose_each_other() {
    let mut scene = Scene::circle(1, 2);
    scene.says(0, "hello");
    scene.says(1, "hi");
    scene.parts_people(0, 1);
    scene.all_wait(1);
    scene.holds("two, their link is cut, 2 lines, 1 timer");
}

#[test]
fn the_host_and_the_supernode_lose_each_other() {
    let mut scene = Scene::circle(1, 2);
    scene.says(1, "hi");
    scene.parts_from_supernode(0);
    scene.supernodes_wait(1);
    scene.holds("two, the host's link to the supernode is cut, 1 line, 1 timer of the supernode");
}

#[test]
fn the_host_leaves() {
    let mut scene = Scene::circle(1, 2);
    scene.says(1, "hi");
    scene.parts(0);
    scene.all_wait(1);
    scene.holds("two, the host leaves, 1 line, 1 timer");
}

#[test]
fn the_host_of_three_crashes() {
    let mut scene = Scene::circle(1, 3);
    scene.says(1, "hi");
    scene.crashes(&[0], 1, 0);
    scene.supernodes_wait(1);
    scene.holds("three, the host crashes, 1 line, 1 timer of the supernode");
}

#[test]
fn the_host_of_three_loses_an_heir() {
    let mut scene = Scene::circle(1, 3);
    scene.says(2, "hi");
    scene.parts_people(0, 1);
    scene.all_wait(1);
    scene.holds("three, the link of the host and the first heir is cut, 1 line, 1 timer");
}

#[test]
fn host_and_heir_crash_one_after_the_other() {
    let mut scene = Scene::circle(1, 2);
    scene.says(1, "hi");
    scene.crashes(&[0, 1], 2, 2);
    scene.supernodes_wait(1);
    scene.holds("two, 2 crashes and restarts, 1 line, 1 timer of the supernode");
}

#[test]
fn the_responsible_supernode_crashes() {
    let mut scene = Scene::circle(2, 2);
    scene.says(1, "hi");
    scene.loses_the_responsible();
    scene.supernodes_wait(2);
    scene.holds("two, the responsible supernode crashes, 1 line, 2 timers of supernodes");
}
