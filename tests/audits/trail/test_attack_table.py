"""The attack table in the trail's README: every row has its tests here, and every test is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[3] / "audits" / "trail" / "README.md"
_ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.M)
WHO = {"anyone", "application", "owner", "superuser", "host"}
FOUND = ("refused", "verify", "sequencer", "kept outside", "verifier", "witness", "nothing lost")

# The number of a row in the README, and the tests that show what it says.
SHOWN_BY: dict[int, list[str]] = {
    1: [
        "test_acts.py::test_it_refuses_an_update_outside_an_act_however_it_is_made",
        "test_ways_of_sql.py::test_it_refuses_every_statement_that_writes_outside_an_act",
    ],
    2: ["test_append_only.py::*"],
    3: ["test_attack_stories.py::test_the_database_refuses_the_application_whatever_it_tries"],
    4: ["test_forged_entries.py::*"],
    5: ["test_attack_stories.py::test_the_application_can_neither_date_an_act_nor_choose_its_id"],
    6: [
        "test_hostile_acts.py::test_an_act_that_could_not_be_verified_later_is_not_opened",
        "test_hostile_acts.py::test_the_data_of_an_act_is_stored_in_its_canonical_spelling",
        "test_hostile_acts.py::test_an_act_cannot_grow_beyond_what_an_entry_can_hold",
    ],
    7: ["test_forged_entries.py::test_a_junk_checkpoint_neither_stops_the_sequencer_nor_is_given_out"],
    8: [
        "test_open_transactions.py::test_no_act_waits_on_another_that_is_open",
        "test_open_transactions.py::test_a_transaction_left_open_is_named_and_said_once",
        "test_loop.py::test_it_says_once_that_somebody_else_holds_its_lock",
    ],
    9: ["test_attacks.py::test_every_column_of_every_governed_table_is_watched"],
    10: [
        "test_attacks.py::test_every_column_of_every_governed_table_is_watched",
        "test_attack_stories.py::test_rows_of_a_governed_table_swapped_between_two_keys_are_found",
    ],
    11: ["test_attacks.py::test_a_write_around_the_trail_is_found_even_after_a_later_act_has_covered_it"],
    12: ["test_attacks.py::test_every_column_of_the_trails_own_tables_is_watched"],
    13: [
        "test_attacks.py::test_a_row_removed_from_the_trail_is_missed",
        "test_attacks.py::test_a_row_planted_in_the_trail_is_found",
    ],
    14: [
        "test_attack_stories.py::test_acts_swapped_between_two_subjects_are_found",
        "test_attack_stories.py::test_entries_swapped_with_their_leaves_are_found",
    ],
    15: ["test_attacks.py::test_a_forged_entry_that_hashes_rightly_is_betrayed_by_the_signed_root"],
    16: ["test_sequencer.py::test_it_never_signs_over_an_entry_that_was_changed"],
    17: [
        "test_hostile_acts.py::test_texts_cannot_be_swapped_for_others_whose_hashes_add_up_to_the_same",
        "test_erasure.py::test_what_is_not_erased_by_an_act_is_found_missing_and_what_comes_back_is_found",
    ],
    18: [
        "test_verification.py::test_a_guard_that_was_switched_off_or_replaced_is_named",
        "test_verification.py::test_a_table_or_function_that_the_application_finds_before_ours_is_named",
        "test_plain_tables.py::test_a_column_that_no_migration_made_is_named",
    ],
    19: ["test_verification.py::test_a_right_too_many_of_the_applications_role_is_named"],
    20: [
        "test_attack_stories.py::test_a_governed_table_renamed_or_dropped_behind_the_trail_is_found",
        "test_plain_tables.py::test_what_a_partition_takes_in_past_the_triggers_is_found_as_a_row_and_as_a_table",
    ],
    21: ["test_verification.py::test_a_file_that_was_changed_or_removed_is_named_by_the_row_that_needs_it"],
    22: ["test_attack_stories.py::test_newest_entries_cut_off_with_all_that_belongs_to_them_are_missed"],
    23: ["test_sequencer.py::test_it_refuses_a_database_that_was_rolled_back"],
    24: ["test_verification.py::test_a_checkpoint_kept_outside_betrays_a_database_that_was_set_back_with_its_signer"],
    25: ["test_restoring.py::test_a_restored_database_writes_nothing_until_setup_has_run"],
    26: ["test_attack_stories.py::test_a_fork_shown_to_a_second_auditor_is_found_when_the_two_compare"],
    27: ["test_attack_stories.py::test_a_replaced_key_signs_nothing_and_is_found"],
    28: [
        "test_rotation.py::test_a_checkpoint_of_a_retired_key_beyond_its_last_size_is_found",
        "test_rotation.py::test_a_later_act_neither_lifts_a_retired_keys_last_size_nor_takes_its_announcement_away",
    ],
    29: ["test_attack_stories.py::test_an_old_checkpoint_shown_again_does_not_pass_for_the_newest"],
    30: ["publishing/test_verifying.py::test_a_tile_that_was_changed_or_removed_is_named"],
    31: [
        "publishing/test_witnesses.py::test_a_cosignature_that_was_changed_is_found_and_never_given_out",
        "publishing/test_stamps.py::test_a_timestamp_that_was_changed_is_found",
    ],
    32: ["test_archiving.py::test_a_missing_or_altered_file_of_the_archive_is_found_and_named"],
    33: [
        "../merkle/test_attacks.py::test_the_attack_is_found_out_at_its_step",
        "../../fuzzing/test_every_reader.py::*",
    ],
    34: ["test_forged_entries.py::test_acts_that_the_progress_was_set_past_are_found_and_come_in_when_it_is_set_back"],
    35: [
        "test_archiving.py::test_an_entry_emptied_without_an_act_is_found",
        "test_erasure.py::test_what_is_not_erased_by_an_act_is_found_missing_and_what_comes_back_is_found",
    ],
    36: [
        "test_every_system_call.py::test_whatever_system_call_fails_the_trail_verifies_and_no_act_is_missing",
        "test_database_faults.py::test_a_database_that_crashes_again_and_again_loses_no_act_that_was_told",
        "test_database_faults.py::test_a_disk_that_fills_up_stops_the_trail_and_nothing_that_was_told_is_lost",
        "test_sequencer.py::test_it_can_be_killed_at_every_step",
    ],
}


@cache
def functions_of(path: str) -> set[str]:
    """The tests of a file, by its path from this folder."""
    tree = ast.parse((Path(__file__).parent / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def rows() -> dict[int, tuple[str, str, str]]:
    return {int(number): (attack, who, found) for number, attack, who, found in _ROW.findall(README.read_text("utf-8"))}


def test_every_row_has_tests_and_every_number_a_row() -> None:
    assert sorted(rows()) == list(range(1, len(rows()) + 1)) == sorted(SHOWN_BY)


@pytest.mark.parametrize("number", SHOWN_BY)
def test_the_tests_of_a_row_exist(number: int) -> None:
    assert SHOWN_BY[number]
    for shown in SHOWN_BY[number]:
        path, _, name = shown.partition("::")
        there = functions_of(path)
        assert name in there or (name == "*" and there), shown


def test_each_row_says_who_can_do_it_and_what_finds_it() -> None:
    for attack, who, found in rows().values():
        assert set(re.split(r", | or ", who)) <= WHO, attack
        assert any(word in found for word in FOUND), attack
