//! The rules notice: with the contract between role and world broken on purpose, a short way to a broken rule
//! is found and told.

use crate::cast::Fault;
use crate::scene::Scene;

#[test]
fn an_heir_whose_disk_reports_too_early_is_found_out() {
    let mut scene = Scene::circle(1, 2);
    scene.says(0, "hello");
    scene.breaks(1, Fault::EarlyReports);
    scene.bites("is on 2 disks, and it is on 1");
}

#[test]
fn an_author_whose_disk_reports_too_early_is_found_out() {
    let mut scene = Scene::circle(1, 2);
    scene.says(1, "hello");
    scene.breaks(1, Fault::EarlyReports);
    scene.bites("before it is on its author's disk");
}

#[test]
fn a_supernode_that_forgets_what_it_granted_is_found_out() {
    let mut scene = Scene::new(1, 2);
    scene.comes(0);
    scene.joins(1);
    scene.restarts_the_supernode();
    scene.breaks_the_supernode(Fault::ForgottenRecords);
    scene.bites("are both granted");
}

/// Its disk may be an old copy. The supernode that granted to the run before it grants anew.
#[test]
fn a_host_that_forgets_its_lease_does_not_resume_its_epoch() {
    let mut scene = Scene::circle(1, 1);
    scene.says(0, "hello");
    scene.crashes(&[0], 1, 1);
    scene.all_wait(1);
    scene.breaks(0, Fault::ForgottenLeases);
    scene.holds("alone, a crash and a restart without leases, 1 line, 1 timer");
}
