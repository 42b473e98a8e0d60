//! The testbed itself, against the real programs: what e2e tests lean on.
#![allow(clippy::panic, clippy::expect_used, reason = "a failed assertion is how a test fails")]

mod cluster;
mod notary;
mod operator;
mod processes;
mod signing;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::tools;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some(processes::HOLD) => return processes::hold(),
        Some(operator::STAND_IN) => return if operator::stand_in().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        _ => {}
    }
    let arguments = Arguments::from_args();
    if !arguments.list
        && let Err(error) = tools::all()
    {
        eprintln!("{error:#}");
        if std::env::var_os("CI").is_some() {
            return ExitCode::FAILURE;
        }
        println!("testbed: every test is left out, because the tools are missing");
        return ExitCode::SUCCESS;
    }
    libtest_mimic::run(&arguments, trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    vec![
        test("a_process_ends_when_the_one_that_started_it_is_killed", processes::a_killed_parent_takes_its_process_along),
        test("a_detached_process_stays_until_it_is_killed", processes::a_detached_process_stays_until_it_is_killed),
        test("a_control_plane_has_controllers_and_survives_an_outage", cluster::a_control_plane_has_controllers_and_survives_an_outage),
        test("a_detached_control_plane_answers_until_it_is_killed", cluster::a_detached_control_plane_answers_until_it_is_killed),
        test("an_operator_is_stopped_killed_and_started_again", operator::an_operator_is_stopped_killed_and_started_again),
        test("an_operator_that_ends_at_once_shows_its_log", operator::an_operator_that_ends_at_once_shows_its_log),
        test("the_distribution_registry_has_no_referrers_api", signing::the_distribution_registry_has_no_referrers_api),
        test("the_referrers_registry_has_the_referrers_api", signing::the_referrers_registry_has_the_referrers_api),
        test("every_algorithm_signs_in_both_formats", signing::every_algorithm_signs_in_both_formats),
        test("an_index_has_one_image_per_platform", signing::an_index_has_one_image_per_platform),
        test("a_notary_client_signs_a_tag_and_another_one_finds_it", notary::a_notary_client_signs_a_tag_and_another_one_finds_it),
        test("a_root_key_can_be_certified_by_an_authority", notary::a_root_key_can_be_certified_by_an_authority),
        test("a_delegation_signs_for_itself_until_it_is_taken_back", notary::a_delegation_signs_for_itself_until_it_is_taken_back),
        test("the_key_of_every_role_can_be_rotated", notary::the_key_of_every_role_can_be_rotated),
        test("a_notary_server_that_was_started_again_is_empty", notary::a_notary_server_that_was_started_again_is_empty),
        test("a_notary_server_asks_for_tokens_and_takes_only_good_ones", notary::a_notary_server_asks_for_tokens_and_takes_only_good_ones),
        test("a_front_answers_from_a_backup_until_it_goes_on", notary::a_front_answers_from_a_backup_until_it_goes_on),
        test(
            "a_brief_timestamp_expires_behind_a_front_and_is_renewed_by_its_server",
            notary::a_brief_timestamp_expires_behind_a_front_and_is_renewed_by_its_server,
        ),
    ]
}

fn test(name: &str, body: fn() -> anyhow::Result<()>) -> Trial {
    Trial::test(name, move || body().map_err(|error| Failed::from(format!("{error:#}"))))
}
