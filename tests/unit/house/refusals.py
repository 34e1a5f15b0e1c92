"""The table of refusals: for each, the test that takes its way out.

A row names a refusal by its module and some words of its message that stand there in one piece
(`{}` for what is filled in). Tests are named from `tests`. Three kinds have a rule instead of rows:

    InputError        the record is a dead letter; mended, it is sent again
    DefinitionError   every finding has its line and column, where it is mended
    InvariantError    nobody can mend it but who writes the code: it says what to report
"""
# ruff: noqa: E501 (a row is a line)

from __future__ import annotations

from typing import Final

RULES: Final = {
    "InputError": "unit/house/test_way_out.py::test_a_record_that_was_refused_is_taken_once_it_is_mended",
    "DefinitionError": "unit/definition/test_succession.py::test_content_changed_without_a_new_version_is_refused",
    "InvariantError": "unit/house/test_way_out.py::test_a_fault_of_ours_says_what_to_report",
}

_COMMANDS = "unit/house/test_way_out.py::test_commands_go_on_as_their_refusals_say"
_FORMER = "unit/governance/test_former.py::test_a_former_set_must_be_kept_and_alone"
_SECOND = "unit/governance/test_former.py::test_who_comes_second_is_told_by_whom"
_TEAM = "unit/governance/test_owner.py::test_validate_as_a_team_names_what_its_files_may_not_hold"
_INIT = "unit/cli/test_init.py::test_what_init_is_told_wrongly_is_refused_until_it_is_told_rightly"
_SAMPLE = "unit/cli/test_init.py::test_a_sample_that_is_none_is_refused_until_it_is_mended"
_CHANGES = (
    "unit/cli/test_init_exports.py::test_changes_that_are_no_sample_are_refused_until_mended"
)
_GOES_ON = "unit/embedded/test_recorded.py::test_a_killed_run_goes_on_by_the_same_options_only"
_SIMULATE = "unit/house/test_way_out.py::test_simulate_goes_on_as_its_refusals_say"
_MENDED = "unit/house/test_way_out.py::test_a_file_is_read_once_it_is_mended"
_SETTINGS = "unit/house/test_way_out.py::test_settings_are_taken_once_they_are_mended"
_LET_PROMETHEUS_IN = "unit/telemetry/test_monitoring.py::test_prometheus_is_let_in_as_it_is_said"
_PAIRS = "unit/test_settings.py::test_settings_of_the_metrics_go_in_pairs"
_SECRET = "unit/test_settings.py::test_a_secret_may_be_the_text_of_a_file"
_PROPERTIES = "unit/house/test_way_out.py::test_properties_are_taken_once_they_are_mended"
_WRITTEN = "unit/house/test_way_out.py::test_an_identifier_is_found_as_it_is_written"
_CREDENTIALS = "unit/house/test_way_out.py::test_the_worker_takes_the_credentials_that_it_asks_for"
_TRAFFIC = "unit/house/test_way_out.py::test_traffic_is_made_of_values_within_range"
_DRIVER = "unit/house/test_way_out.py::test_a_driver_goes_on_as_its_refusals_say"
_TIMES = (
    "unit/testing/test_driver.py::test_times_that_are_none_are_taken_once_they_are_written_as_said"
)
_EXPECTED = (
    "unit/testing/test_driver.py::test_a_refused_event_fails_the_test_unless_it_is_expected"
)
_CASES = "unit/cli/test_cases.py::test_wrong_usage_exits_with_2"
_SPOILT = "unit/house/test_way_out.py::test_of_a_spoilt_checkpoint_the_manifest_goes_and_the_one_before_is_taken"
_NULL = "unit/kafka/definition/test_foreign.py::test_a_record_that_is_none_is_refused_until_a_null_value_stands_under_its_key"
_BACK = "unit/kafka/definition/test_foreign.py::test_a_set_that_is_gone_is_needed_until_its_record_is_written_back"
_READ_ON = "unit/cli/test_records.py::test_what_cannot_be_read_on_is_refused"
_WITHOUT = "unit/kafka/position/test_position.py::test_an_operator_may_have_dispatch_go_on_without_what_is_gone"
_CHOICES = "unit/cli/test_decisions.py::test_any_log_of_choices_can_be_evaluated"
_LOSS = "kafka/test_loss.py::test_replaced_records_are_never_passed_over_in_silence"
_BROKEN_OFF = (
    "kafka/test_definition.py::test_an_apply_that_was_broken_off_goes_on_under_its_number"
)
_LEARNT_ANEW = "kafka/test_way_out.py::test_a_learner_whose_rewards_are_gone_learns_anew_once_its_memory_is_deleted"
_WRITTEN_AGAIN = "kafka/test_way_out.py::test_a_transaction_without_an_answer_is_written_again_from_what_was_committed"
_DISK = "unit/house/test_way_out.py::test_a_disk_that_was_in_the_way_is_used_again"
_SENT_AGAIN = (
    "kafka/test_way_out.py::test_what_the_broker_did_not_take_is_sent_again_once_it_is_there"
)
_HOLD = "unit/cli/test_hold.py::test_what_cannot_be_held_or_released_is_named"
_TOP = "unit/cli/test_top.py::test_it_says_what_to_do_where_no_process_is_known_or_answers"
_SCRAPE = "unit/telemetry/test_overview.py::test_what_is_no_process_of_ours_is_told"
_LOGIN_ASKED = "unit/telemetry/test_overview.py::test_an_endpoint_with_a_login_and_a_certificate_is_asked_by_the_same_settings"
_UNSENT = "unit/cli/test_dead_letters.py::test_what_cannot_be_sent_again_is_told"
_READ_AGAIN = "kafka/test_way_out.py::test_what_could_not_be_read_is_read_once_the_broker_is_there"
_TOPIC_MADE = (
    "kafka/test_way_out.py::test_what_goes_to_a_missing_topic_is_sent_again_once_there_is_one"
)
_APPLIED_AGAIN = (
    "kafka/test_way_out.py::test_an_apply_that_nobody_confirmed_or_another_shut_out_is_run_again"
)
_INTAKE_ANEW = "kafka/test_way_out.py::test_an_intake_that_was_shut_out_or_stood_still_begins_anew_from_what_is_committed"
_LET_IN = "kafka/test_broker.py::test_who_is_not_known_or_allowed_is_once_credentials_and_access_are_as_the_refusals_say"
_STARTS = "kafka/test_broker.py::test_a_local_broker_starts_once_what_it_says_is_mended"
_UP_TO = "unit/kafka/worker/test_assignment.py::test_a_missing_record_ends_the_process"

_NO_KIND = "unit/ingest/test_archive.py::test_a_place_of_no_kind_is_refused_with_the_nearest"

_SINK = "unit/insight/test_way_out.py::test_a_sink_goes_on_as_its_refusals_say"
_OPEN = "kafka/test_records.py::test_a_table_has_what_lies_behind_an_open_transaction"
_WAITS = (
    "unit/insight/filling/test_engine.py"
    "::test_what_a_state_has_not_taken_to_its_end_waits_for_its_run"
)
_SHEET = "unit/insight/test_way_out.py::test_what_no_sheet_holds_is_written_as_it_says"
_LAYER = "unit/insight/test_way_out.py::test_a_layer_that_cannot_be_read_is_made_anew"
_SAME = (
    "unit/insight/test_way_out.py::test_the_files_of_a_run_are_those_whose_records_the_layer_has"
)
_ICEBERG = "unit/insight/layer/test_iceberg.py::test_what_cannot_be_written_is_refused_until_it_is_put_as_it_says"
_ASKED = "unit/insight/test_way_out.py::test_questions_are_answered_once_they_are_put_as_the_refusals_say"
_ATTRIBUTED = "unit/insight/test_attribution.py::test_what_cannot_be_attributed_is_refused_until_it_is_mended"
_VALUE = "unit/insight/test_value_command.py::test_what_is_refused_is_answered_once_it_is_asked_as_the_refusal_says"
_NUMBERS = "unit/insight/test_value_command.py::test_a_layer_needs_events_with_numbers"
_ODD = "unit/cli/test_insight_asked.py"
_ODDLY = f"{_ODD}::test_what_is_no_question_is_refused_until_it_is_one"
_WORTH = "unit/insight/test_worth.py"
_BY_PROFILE = "unit/insight/test_by_profile.py"
_OUTCOMES = f"{_WORTH}::test_outcomes_of_commands_are_worth_what_they_state"
_FRICTION = "unit/cli/test_insight_friction.py::test_what_is_asked_wrongly_is_refused_until_it_is_asked_rightly"
_DUCKDB = "unit/insight/test_way_out.py::test_without_duckdb_the_extra_is_named"
_TWO_SINKS = "unit/insight/filling/test_sink.py::test_of_two_sinks_at_once_one_is_refused"

_BASE_LEAVES = "unit/cli/test_base.py::test_an_export_needs_a_state_at_rest_and_a_new_folder"
_BASE_ARRIVES = (
    "unit/cli/test_base.py::test_an_import_needs_a_whole_export_the_same_key_and_a_new_folder"
)
_BASE_OPTIONS = (
    "unit/cli/test_base.py::test_on_kafka_the_settings_say_how_many_partitions_there_are"
)
_BASE_SOURCES = "unit/kafka/moving/test_source.py::test_where_intake_goes_on_is_told_or_must_be"
_BASE_KAFKA = "kafka/test_moving.py::test_a_base_leaves_at_rest_and_arrives_where_nothing_ran"

_REPORTED = "unit/insight/report/test_report.py::test_a_report_is_made_once_it_is_asked_for_as_the_refusals_say"

_SHUT_OUT = (
    "kafka/test_webhook.py::test_a_process_that_is_shut_out_begins_anew_from_what_is_committed"
)
_NO_CHANNEL = "unit/webhook/test_endpoint.py::test_a_channel_that_sends_no_commands_is_named"

TESTED: Final[dict[str, dict[str, str]]] = {
    "cli/archive.py": {
        "no archive is set": "unit/cli/test_archive.py::test_without_an_archive_nothing_is_erased_from_one",
        "nothing else is erased yet": "unit/cli/test_archive_erased.py::test_a_file_that_cannot_be_read_is_named_and_nothing_else_is_erased",
    },
    "ingest/remote.py": {
        "For s3:// that is": "unit/ingest/test_archive.py::test_a_place_without_its_library_is_refused_with_what_to_install",
        "there is no kind of place": _NO_KIND,
        "bring that place back": "unit/ingest/test_archive.py::test_a_file_is_made_once",
    },
    "ingest/listing.py": {
        "a folder without a file of events": "unit/ingest/test_files.py::test_a_folder_stands_for_its_files_of_events",
        "there is no file of events": "unit/ingest/test_archive.py::test_a_range_of_days_is_a_pattern_of_its_url",
    },
    "ingest/archive/order.py": {
        "is not a whole order": "unit/cli/test_archive_erased.py::test_a_file_that_is_no_order_is_named",
    },
    "ingest/archive/content.py": {
        "is named like a file of the archive": "unit/kafka/stage/test_archiver.py::test_a_foreign_file_in_the_place_of_ours_is_told",
    },
    "cli/init.py": {
        "exists already: name a new folder": _INIT,
        "name files of a sample behind --from": _INIT,
        "go alone: a topology begins with one of the two": _INIT,
        "names a column of a sample": _INIT,
        "nobody to ask: name a sample with --from FILE": _INIT,
        "there is none; it is one of": _INIT,
        "cannot be written:": _INIT,
    },
    "ingest/sketch/draft.py": {
        "name it with a letter first": _INIT,
        "no row of it can be read as JSON or as a row of a table": _SAMPLE,
        "no event of it names anybody by an identifier": _INIT,
        "say of which type they are": _INIT,
        "no event of it can be read: ": _INIT,
        "all of its events state facts or consent": _INIT,
        "no topology that validates could be drafted": "unit/cli/test_init_odd.py::test_what_would_not_validate_is_not_written",
        "a folder; name the files of the sample": _INIT,
        "written otherwise than": "unit/cli/test_init.py::test_files_of_a_sample_are_of_one_kind",
    },
    "ingest/sketch/change.py": {
        "the sample holds changes of several tables": _CHANGES,
        "no change of the sample tells when it was": _CHANGES,
    },
    "ingest/sketch/form.py": {
        "it is empty; name a file with some events": _SAMPLE,
        "Name a file that is there": _INIT,
    },
    "ingest/sketch/role.py": {
        "holds a time that can be read": _SAMPLE,
        "the sample has no such column": _INIT,
        "Name another column": _INIT,
        "of the sample names anybody": _SAMPLE,
    },
    "cli/validate.py": {
        "the options of files go with --events": "unit/cli/test_validate_events.py::test_options_of_files_go_with_events",
        "is a pipe, and --advice reads each file twice": "unit/cli/test_validate_events.py::test_a_pipe_is_read_for_advice_once_it_is_a_file",
    },
    "cli/customer_base.py": {
        "CJO_PARTITIONS says how many": _BASE_OPTIONS,
        "give one of the two options": _BASE_OPTIONS,
        "--from-beginning and --mirrored are for Kafka": _BASE_ARRIVES,
    },
    "store/export.py": {
        "holds an export already": _BASE_LEAVES,
        "which is no part of an export": _BASE_LEAVES,
        "holds no whole export": _BASE_ARRIVES,
        "Import it with the release that wrote it": _BASE_ARRIVES,
        "Import it by that release, or a later one": _BASE_ARRIVES,
        "bring the export back from a copy": _BASE_ARRIVES,
    },
    "embedded/moving.py": {
        "`run` something on it first": _BASE_LEAVES,
        "is not at rest": _BASE_LEAVES,
        "holds a state already": _BASE_ARRIVES,
    },
    "kafka/moving/closing.py": {
        "there are no customers to keep out": _BASE_KAFKA,
        "is not closed: start its processes": _BASE_KAFKA,
    },
    "kafka/moving/kept.py": {"with the CJO_CHECKPOINT_URL of the workers": _BASE_KAFKA},
    "kafka/moving/leaving.py": {
        "there are no customers to export": _BASE_KAFKA,
        "the installation is not at rest": _BASE_KAFKA,
    },
    "kafka/moving/arriving.py": {
        "set CJO_CHECKPOINT_URL, here and for the workers": _BASE_KAFKA,
        "Import it when that time has come": _BASE_KAFKA,
        "is not new": _BASE_KAFKA,
    },
    "kafka/moving/source.py": {
        "is no copy with the same offsets": _BASE_SOURCES,
        "is another topic here than the old installation read": _BASE_SOURCES,
        "and the new one does not read that topic": "unit/kafka/moving/test_source.py::test_no_event_is_left_in_a_topic_that_nobody_reads_any_more",
        "is an intake of this prefix running": _BASE_KAFKA,
    },
    "cli/customer.py": {
        "one identifier, named twice": "unit/cli/test_customer.py::test_an_unlink_makes_two_customers_and_a_link_joins_them_again",
        "name two that are linked": "unit/cli/test_customer.py::test_an_unlink_makes_two_customers_and_a_link_joins_them_again",
    },
    "cli/decisions.py": {
        "no choice of this run was between": "unit/cli/test_decisions.py::test_an_evaluation_that_would_do_nothing_is_refused",
        "--action, --reward and --probability are for": "unit/cli/test_decisions.py::test_an_evaluation_that_would_do_nothing_is_refused",
        "--window is for the folder of a run": "unit/cli/test_decisions.py::test_an_evaluation_that_would_do_nothing_is_refused",
        "--window is for `uniform` and fixed": "unit/cli/test_decisions.py::test_an_evaluation_that_would_do_nothing_is_refused",
        "fixed:ACTION with one of its own": _CHOICES,
        "name the columns with": _CHOICES,
        "write fixed:ACTION/CHANNEL": "unit/cli/test_decisions.py::test_a_run_tells_what_other_policies_would_have_earned",
        "probability above 0, up to 1: write that": _CHOICES,
        "are numbers: write them so": _CHOICES,
    },
    "cli/demo.py": {
        "which a demo needs": "unit/cli/test_cli.py::test_a_demo_needs_people_who_answer",
        "holds no demo's results": "unit/cli/test_cli.py::test_a_demo_of_other_numbers_begins_anew",
        "cannot be written to": "unit/cli/test_cli.py::test_a_demo_of_other_numbers_begins_anew",
    },
    "cli/explain.py": {
        "a command's decision_id names it": "unit/core/decision/test_explain.py::test_a_decision_of_a_run_is_explained",
    },
    "cli/topics.py": {
        "there is no process": "unit/kafka/topic/test_right.py::test_a_user_of_no_process_is_refused_until_it_is_named_as_said",
        "names no user: write it": "unit/kafka/topic/test_right.py::test_a_user_of_no_process_is_refused_until_it_is_named_as_said",
    },
    "cli/top.py": {
        "no process answers at": _TOP,
        "give HOST:PORT": _TOP,
        "where do the processes serve their metrics?": _TOP,
        "cannot be read: {}; name the certificate": _TOP,
    },
    "telemetry/scrape.py": {
        "no answer from": _SCRAPE,
        "asks for a name and a password": _LOGIN_ASKED,
        "is no process of cjo-stream": _SCRAPE,
    },
    "cli/hold.py": {
        "hold what?": _HOLD,
        "release what?": _HOLD,
        "holds nothing like that": _HOLD,
        "there is no {} {}: {}": _HOLD,
    },
    "cli/dead_letters.py": {
        "as `dead-letters list` prints it": "unit/cli/test_dead_letters.py::test_a_letter_is_shown_in_full",
        "are for the letters of a run": _UNSENT,
        "Name the state folder of the run": _UNSENT,
        "_no_such": _UNSENT,
    },
    "ingest/mending.py": {
        "a dead letter has no": "unit/cli/test_redrive_outcomes.py::test_a_field_that_no_dead_letter_has_is_refused",
        "write PATH = EXPRESSION": "unit/ingest/test_mending.py::test_an_expression_that_is_none_is_refused_until_it_is_written_as_said",
        "The refused record is `row`": "unit/ingest/test_mending.py::test_an_expression_that_is_none_is_refused_until_it_is_written_as_said",
    },
    "cli/identity.py": {
        "that the same `simulate` wrote": "unit/cli/test_cli.py::test_the_report_holds_a_run_against_its_truth",
    },
    "cli/lift.py": {
        "name the results of a `run`": "unit/cli/test_decisions.py::test_lift_compares_by_journey",
    },
    "cli/option.py": {
        "no time at all": f"{_WORTH}::test_retention_is_refused_until_it_is_asked_as_the_refusal_says",
        "are for CSV, and no file ends in .csv": "unit/cli/test_run.py::test_files_of_another_form_are_read_by_option",
        "is for CSV and JSON, and every file ends in .parquet": "unit/cli/test_run.py::test_files_of_another_form_are_read_by_option",
        "name a folder with a topology": "unit/cli/test_cli.py::test_a_valid_topology_is_told_by_path_and_by_bundled_name",
        "no time; write": _COMMANDS,
        "no time lies in between": f"{_ODD}::test_a_period_without_time_is_refused_until_it_has_some",
        "{} {}: {}": _COMMANDS,
    },
    "cli/place.py": {
        "--keep-key is for Kafka": "unit/cli/test_cli.py::test_a_set_is_applied_to_a_state_folder_and_told",
    },
    "cli/records.py": {
        "a command of their own": _READ_ON,
        "there are no records of kind": _READ_ON,
        "is no position file": _READ_ON,
        "name a file in a folder that can be written to": _READ_ON,
    },
    "cli/run.py": {
        "is for a state: name its folder": "unit/cli/test_redrive_outcomes.py::test_what_is_for_a_state_alone_is_refused_without_one",
        "--cores keeps the state in memory": _COMMANDS,
    },
    "cli/schema.py": {
        "there is no schema": "unit/cli/test_cli.py::test_schemas_are_listed_and_printed"
    },
    "cli/test.py": {
        "leave -k away": _CASES,
        "write 90%, or KIND=90%": _CASES,
        "--junit {} cannot be written": _CASES,
    },
    "cli/simulate.py": {
        "is for files; with --kafka only --truth": "unit/cli/test_cli.py::test_simulated_traffic_needs_a_place_to_go_to",
        "name a folder for the files": "unit/cli/test_cli.py::test_simulated_files_are_what_run_reads",
        "--start is for files": _SIMULATE,
        "--answer is for --kafka": "unit/cli/test_cli.py::test_simulated_files_are_what_run_reads",
        "--haste is for --answer": "unit/cli/test_cli.py::test_simulated_files_are_what_run_reads",
        "leave --answer out": _SIMULATE,
        "simulated traffic is plain JSON": _SIMULATE,
    },
    "cli/terminal.py": {
        "add --yes to do this": "unit/cli/test_cli.py::test_a_set_is_applied_to_a_state_folder_and_told",
    },
    "definition/succession.py": {
        "shorten texts and comments": "unit/definition/test_succession.py::test_a_set_that_the_log_has_no_room_for_is_refused_until_its_texts_are_shorter",
    },
    "definition/content.py": {
        "use the release that applied it": "unit/engine/test_release.py::test_a_set_of_another_form_is_run_by_the_release_that_applied_it",
        "from a copy": "unit/definition/test_succession.py::test_bytes_that_are_no_definition_set_are_refused_until_a_copy_is_there",
        "Results would differ: install": "unit/definition/test_succession.py::test_the_same_topology_under_other_libraries_is_another_set",
    },
    "definition/case.py": {
        "has no test: write one": "unit/definition/test_case.py::test_no_test_file_is_an_error_that_says_where_one_should_be",
    },
    "definition/schema.py": {
        "unknown('kind of definition'": "unit/cli/test_cli.py::test_schemas_are_listed_and_printed"
    },
    "definition/text/folder.py": {
        "name a folder of *.yaml or *.yml files": "unit/cli/test_cli.py::test_a_valid_topology_is_told_by_path_and_by_bundled_name",
    },
    "embedded/cores/crew.py": {
        "Give the command again with --force, which begins anew": "unit/embedded/cores/test_processes.py::test_a_share_that_is_killed_ends_the_run_with_an_error",
        "a process of this run could not go on": "unit/embedded/cores/test_processes.py::test_a_share_that_cannot_go_on_says_why",
    },
    "embedded/cores/spool.py": {
        "make room, or name another folder in --out": "unit/embedded/cores/test_cores.py::test_a_disk_without_room_for_the_events_is_told",
    },
    "embedded/delivery.py": {
        "let it go on without --profiles": "unit/embedded/test_recorded.py::test_a_killed_run_goes_on_with_the_files_that_it_began",
        "give it again first, or any other": _BASE_LEAVES,
        "Start that run again first, with the same command": "unit/embedded/test_delivery.py::test_a_killed_run_whose_folder_is_gone_goes_on_by_an_operators_word",
    },
    "embedded/installation.py": {
        "name another folder": _COMMANDS,
        "another release began to apply": "unit/embedded/test_apply.py::test_a_set_that_another_release_began_is_applied_again_once_it_is_changed",
    },
    "embedded/query.py": {
        "in the middle of a merge": "unit/house/test_way_out.py::test_who_is_in_the_middle_of_a_merge_is_told_of_once_the_run_has_gone_on",
        "`run` something on it": "unit/house/test_way_out.py::test_a_state_folder_without_customers_has_some_after_a_run",
    },
    "embedded/output.py": {
        "is not empty: name another folder, or add --force": "unit/cli/test_cli.py::test_results_of_an_earlier_run_are_kept_unless_forced",
        "cannot be written to ({}): name another folder": _COMMANDS,
        "let this user write there": "unit/house/test_way_out.py::test_a_folder_that_cannot_be_written_to_may_be_so_later",
        "Bring the file back; or": "unit/embedded/test_power_cut.py::test_a_file_that_lost_its_end_is_brought_back_or_given_up",
        "make room, then give the command again": "unit/embedded/test_runtime.py::test_a_disk_that_takes_no_more_is_told_and_with_room_the_same_command_ends_it",
    },
    "embedded/results.py": {
        "name one that {} there shows": _COMMANDS,
        "name the --out folder of a `run`": _COMMANDS,
        "it is not as a `run` wrote it; run again": _COMMANDS,
        "is another file than the one that was read": _READ_ON,
        "has no {}: `run --{}` writes it": _READ_ON,
    },
    "embedded/taking.py": {
        "another --channel or --sort before": _GOES_ON,
        "start it again with the topology as it was": _GOES_ON,
        "gives up what was not read yet": "unit/embedded/test_recorded.py::test_a_killed_run_whose_file_is_gone_says_so_and_may_give_it_up",
        "takes the changed file whole, as new": "unit/embedded/test_recorded.py::test_a_file_whose_taken_part_changed_is_refused_and_taken_again_on_demand",
    },
    "embedded/state.py": {"name the folder that `run` was given with --state": _COMMANDS},
    "engine/codec.py": {
        "Run the release that wrote the store": "unit/engine/test_release.py::test_a_store_of_another_layout_is_opened_by_the_release_that_wrote_it",
    },
    "engine/dispatch.py": {
        "start dispatch once with --restore-offsets": "unit/kafka/position/test_position.py::test_an_operator_may_have_dispatch_go_on_from_the_copy",
        "Delete the effect topic, too": "unit/engine/test_dispatch.py::test_after_a_new_internal_topic_a_new_effect_topic_is_taken_from_its_beginning",
        "start dispatch once with --without-lost": "unit/engine/test_dispatch.py::test_an_operator_may_have_it_go_on_without_what_is_gone",
    },
    "engine/frame.py": {
        "begins as a frame and is none": "unit/engine/test_task.py::test_a_frame_that_was_damaged_is_taken_once_it_is_back",
        "run the release that wrote it until its log is empty": "unit/engine/test_release.py::test_frames_of_another_version_are_read_to_their_end_by_the_release_that_wrote_them",
    },
    "engine/intake.py": {
        "start intake once with --restore-offsets": "unit/kafka/position/test_position.py::test_an_operator_may_have_intake_go_on_from_the_copy",
    },
    "engine/lane.py": {
        "bring back what it has lost": "unit/engine/test_task.py::test_a_frame_in_whose_place_stands_another_record_is_missed",
    },
    "engine/sets.py": {
        "publish one with `cjo-stream apply TOPOLOGY`": "unit/engine/test_task.py::test_items_before_the_first_definition_set_stop_the_task",
    },
    "engine/task.py": {
        "or a newer checkpoint, whose state has it": "unit/engine/test_task.py::test_a_task_goes_on_over_a_hole_that_is_filled_or_lies_behind_it",
        "cjo-stream clock accept": "unit/engine/test_clock.py::test_a_partition_that_stopped_at_a_clock_goes_on_by_an_operators_word",
    },
    "engine/position.py": {
        "Restore that topic, or start with empty ones": "unit/engine/test_task.py::test_a_store_of_another_topic_partition_or_number_of_partitions_is_refused",
        "the number is fixed. Set it back": "unit/engine/test_task.py::test_a_store_of_another_topic_partition_or_number_of_partitions_is_refused",
        "Start that release, or a later one": "unit/engine/test_task.py::test_another_behaviour_opens_only_a_store_left_in_order",
        "stop it cleanly, then upgrade": "unit/engine/test_task.py::test_another_behaviour_opens_only_a_store_left_in_order",
    },
    "ingest/files.py": {
        "standard input can be read once": "unit/ingest/test_files.py::test_packed_and_plain_and_standard_input_give_the_same",
        "it may end in {}": "unit/ingest/test_files.py::test_packed_and_plain_and_standard_input_give_the_same",
        "no channel `{}` in topology": "unit/ingest/test_files.py::test_the_only_input_that_has_no_field_for_it_is_the_channel",
        "Name a file that is present and whole": _MENDED,
        "mend that line": "unit/house/test_way_out.py::test_a_line_that_is_no_object_is_mended",
    },
    "ingest/identifier.py": {
        "is written TYPE:VALUE": _WRITTEN,
        "has no identifier `{}`, only {}": _WRITTEN,
        "this value names nobody": _WRITTEN,
    },
    "ingest/form.py": {
        "it is one character": "unit/ingest/test_form.py::test_an_unknown_form_is_refused",
        "not a known one{}. It may be": "unit/ingest/test_form.py::test_an_unknown_form_is_refused",
    },
    "ingest/order.py": {
        "set TMPDIR to another folder": "unit/house/test_way_out.py::test_sorting_goes_on_where_there_is_room",
    },
    "ingest/parquet.py": {
        "cannot be read as Parquet": "unit/house/test_way_out.py::test_a_file_that_is_no_parquet_is_written_again",
        "needs pyarrow: install it": "unit/ingest/test_files.py::test_parquet_rows_are_objects",
    },
    "ingest/table.py": {
        "for --decimal-comma: the first row names": "unit/ingest/test_form.py::test_a_decimal_comma_is_read_in_the_columns_that_are_named",
        "name the columns there": _MENDED,
        "at their ends": _MENDED,
        "another character parts the cells": "unit/ingest/test_files.py::test_another_delimiter_of_excel_is_told",
        "name them in the first row": _MENDED,
        "rename one": _MENDED,
        "write it in UTF-8": _MENDED,
    },
    "ingest/tenant.py": {
        "put into the file that CJO_TENANT_KEY_FILE names": "unit/cli/test_customer.py::test_with_another_tenant_key_a_state_folder_is_left_alone",
    },
    "cli/monitoring.py": {
        "write the URL, as http://host:9000": "unit/telemetry/test_monitoring.py::test_notifications_go_to_a_url_of_the_web",
        "name another folder as DIR": "unit/telemetry/test_monitoring.py::test_files_are_written_once_the_folder_can_be",
        "--ca is of use with TLS alone": _LET_PROMETHEUS_IN,
        "a name and its password go together": _LET_PROMETHEUS_IN,
        "write NAME=HOST:PORT": "unit/telemetry/test_monitoring.py::test_targets_are_taken_as_they_are_written",
    },
    "cli/plan.py": {
        "write a share, as 5%": "unit/governance/test_plan.py::test_exit_codes",
        "a plan compares two sets": "unit/governance/test_plan.py::test_exit_codes",
        "name a folder as LIVE": "unit/governance/test_plan.py::test_nothing_is_planned_against_an_empty_state",
    },
    "cli/apply.py": {
        "apply the file of a plan": "unit/governance/test_file.py::test_what_is_no_plan_and_no_key_is_refused",
        "which set? Name": _FORMER,
        "write TEAM=FILE": "unit/governance/test_file.py::test_what_is_no_plan_and_no_key_is_refused",
    },
    "cli/codeowners.py": {
        "add them to its topology": "unit/governance/test_owner.py::test_codeowners_ask_the_teams",
    },
    "governance/backtest/pair.py": {
        "side cannot run: {}": "unit/governance/backtest/test_run.py::test_what_a_side_cannot_do_is_told_with_its_name",
        "side failed: {}": "unit/governance/backtest/test_run.py::test_a_side_that_fails_ends_the_other",
        "perhaps the machine has too little memory": "unit/governance/backtest/test_run.py::test_a_process_that_is_killed_leaves_nothing_that_looks_whole",
    },
    "governance/backtest/run.py": {
        "is a pipe, and a backtest reads each file twice": "unit/governance/backtest/test_run.py::test_a_pipe_is_read_once_it_is_a_file",
        "make room, then give the command again": "unit/governance/backtest/test_run.py::test_results_are_written_once_there_is_room",
    },
    "cli/attribution.py": {"no time at all": _ATTRIBUTED},
    "insight/figure/attribution.py": {
        "no record is of the journey": _ATTRIBUTED,
        "holds no transition records": f"{_ODD}::test_a_layer_without_transitions_has_no_goal_to_credit",
    },
    "cli/insight.py": {
        "are of two kinds": _ODDLY,
        "--within is about the next journey": _ODDLY,
        "there is no view": _ASKED,
        "the query is empty": _ASKED,
    },
    "cli/query.py": {
        "mend the query": _ASKED,
        "DuckDB lacks an extension": _ASKED,
        "a file that the query names": _ASKED,
        "DuckDB itself failed": "unit/insight/test_odd_layers.py::test_a_fault_of_duckdb_and_a_file_of_the_layer_are_not_the_querys",
        "there is too little memory": _ASKED,
    },
    "cli/insight_sink.py": {
        "name files of events with": _SINK,
        "name the RUN whose events": _SINK,
        "leave RUN out, or": _SINK,
        "leave --interval out": _SINK,
    },
    "insight/filling/live.py": {
        "another sink fills": "kafka/test_insight.py::test_of_two_sinks_on_one_layer_one_ends",
    },
    "kafka/stage/follow.py": {
        "the log lost its end": "kafka/test_insight.py::test_a_log_that_lost_its_end_is_refused_until_the_layer_is_made_anew",
    },
    "cli/insight_automation.py": {
        "nothing of the layer is on that channel": "unit/cli/test_insight_automation.py::test_an_unknown_channel_is_refused_until_it_is_named",
    },
    "cli/insight_friction.py": {
        "needs NumPy and SciPy": "unit/cli/test_insight_friction.py::test_without_scipy_the_extra_is_named",
        "no event of the layer is of that type": _FRICTION,
    },
    "insight/friction/event.py": {
        "too many years": "unit/insight/friction/test_finding.py::test_events_of_too_many_years_are_refused_until_they_are_of_fewer",
    },
    "insight/friction/shown.py": {
        "no event of the layer has a type with which that begins": _FRICTION,
        "has a number at": _FRICTION,
    },
    "cli/insight_iceberg.py": {
        "there is no view `{}`": _ICEBERG,
        "write KEY=VALUE": _ICEBERG,
    },
    "insight/iceberg.py": {
        "needs PyIceberg": _ICEBERG,
        "the catalogue {} cannot be opened": _ICEBERG,
        "was made by something else": _ICEBERG,
        "a column of another type": _ICEBERG,
        "another process wrote to": "unit/insight/layer/test_iceberg.py::test_of_two_writers_at_once_one_is_refused",
    },
    "cli/insight_prediction.py": {
        "give --at TIME, by at least": "unit/insight/test_prediction.py::test_a_check_of_what_has_not_come_yet_is_refused",
    },
    "cli/insight_value.py": {
        "needs NumPy and SciPy": "unit/insight/test_value_command.py::test_without_scipy_the_extra_is_named",
    },
    "cli/reports.py": {
        "name another file with --html": _REPORTED,
        "write period:2026-03-01/2026-03-08": _REPORTED,
        "no time lies between": _ODDLY,
        "--on and --value go together": _REPORTED,
        "needs NumPy and SciPy": "unit/insight/report/test_kind.py::test_without_scipy_the_extra_is_named",
    },
    "insight/report/attribution.py": {
        "no goal was reached": "unit/insight/report/test_kind.py::test_without_a_goal_nothing_is_credited",
    },
    "insight/report/asking.py": {
        "no record is of the journey": _REPORTED,
        "holds no transition records": f"{_ODD}::test_a_layer_without_transitions_has_no_goal_to_credit",
        "take an earlier --from": _ODDLY,
        "holds no record yet": "unit/insight/report/test_report.py::test_a_report_of_a_layer_without_records_names_no_time",
    },
    "insight/report/compare.py": {"no journey has records of version": _ODDLY},
    "cli/relation.py": {
        "more than a sheet holds": _SHEET,
        "xlsx needs XlsxWriter": _SHEET,
        "ends neither in": _ASKED,
        "cannot be written": _ASKED,
        "two columns are named": _ASKED,
    },
    "insight/figure/as_of.py": {
        "the layer has no profiles": f"{_BY_PROFILE}::test_a_layer_without_profiles_says_how_to_have_them",
        "no profile of the layer has that fact or trait": f"{_BY_PROFILE}::test_what_no_profile_has_is_refused_with_the_nearest",
    },
    "insight/figure/funnel.py": {
        "is no step": _ASKED,
        "names no action": _ASKED,
        "has no reason of a transition": _ASKED,
    },
    "insight/figure/attribute.py": {
        "of the events": _NUMBERS,
        "the layer holds no events": _NUMBERS,
        "no event is of type": _VALUE,
        "lies in the period": _VALUE,
    },
    "cli/insight_worth.py": {
        "go together": _OUTCOMES,
    },
    "insight/figure/retention.py": {
        "take a longer --every": f"{_WORTH}::test_retention_is_refused_until_it_is_asked_as_the_refusal_says",
    },
    "insight/figure/place.py": {"no outcome of a command": _OUTCOMES},
    "insight/figure/satisfaction.py": {
        "no score is one of": f"{_WORTH}::test_scores_of_no_scale_have_a_mean_and_what_is_none_of_a_given_one_is_left_out",
    },
    "insight/value.py": {
        "no customer bought again": _VALUE,
        "fewer than two customers": _VALUE,
    },
    "insight/layer/manifest.py": {
        "is a layer of form": _LAYER,
        "is no manifest of a layer": _LAYER,
        "another sink wrote to": _TWO_SINKS,
        "two sinks could undo each other": "unit/insight/layer/test_s3.py::test_a_store_that_replaces_what_is_there_is_refused",
    },
    "insight/layer/forgotten.py": {
        "is not the key that these records were made with": "unit/insight/layer/test_forgotten.py::test_an_erasure_needs_the_key_of_the_records",
    },
    "insight/filling/sink.py": {"is not as a `run` writes it": _SINK},
    "insight/filling/same.py": {
        "is another file than the one whose records are in the layer": _SAME,
        "has records that are in the layer already": _SAME,
    },
    "insight/layer/part.py": {
        "a file cannot be read": "unit/insight/layer/test_spoilt.py::test_a_spoilt_file_is_named",
    },
    "insight/layer/reading.py": {"holds no layer": _SINK, "insight needs DuckDB": _DUCKDB},
    "insight/filling/refusal.py": {
        "is no folder": _SINK,
        "has rows that this state has not": _WAITS,
    },
    "insight/filling/source.py": {
        "was killed and has not gone on": _WAITS,
        "can be read once only": _SINK,
        "is not as it was when its events were taken": _SINK,
    },
    "governance/file.py": {
        "is no whole plan of this release": "unit/governance/test_file.py::test_a_plan_that_was_changed_is_refused",
        "write a longer secret to it": "unit/governance/test_file.py::test_what_is_no_plan_and_no_key_is_refused",
        "the plan needs no approval": "unit/governance/test_file.py::test_a_change_that_a_team_must_approve_waits_for_its_signature",
        "the plan is not approved": "unit/governance/test_file.py::test_a_change_that_a_team_must_approve_waits_for_its_signature",
        "another set is in force than the plan": "unit/governance/test_file.py::test_a_plan_is_refused_once_another_set_is_live",
        "customers would be changed now": "unit/governance/test_file.py::test_a_plan_is_refused_where_it_would_change_more_customers",
        "cannot be written": "unit/governance/test_file.py::test_what_is_no_plan_and_no_key_is_refused",
        "is no plan ({})": "unit/governance/test_file.py::test_what_is_no_plan_and_no_key_is_refused",
        "is not signed with its key": "unit/governance/test_file.py::test_a_plan_that_was_changed_is_refused",
        "name a key's file": "unit/governance/test_file.py::test_what_is_no_plan_and_no_key_is_refused",
        "name a plan file": "unit/governance/test_file.py::test_what_is_no_plan_and_no_key_is_refused",
    },
    "governance/permit.py": {
        "came_between(running)": _SECOND,
        "may not change this": "unit/governance/test_plan.py::test_a_team_is_refused_what_is_anothers",
        "must approve this": "unit/governance/test_file.py::test_a_change_that_a_team_must_approve_waits_for_its_signature",
    },
    "governance/owner.py": {
        "the teams are those of `owners` in the topology": _TEAM,
    },
    "installation/known.py": {
        "is not kept here": _FORMER,
    },
    "installation/answer.py": {
        "the worker's log shows where; report it": "unit/cli/test_customer.py::test_a_command_that_failed_is_given_again_once_what_the_log_tells_of_is_mended",
        "is moving to another customer": "unit/cli/test_customer.py::test_who_is_just_going_to_another_customer_is_asked_for_again",
        "no customer has this": "unit/cli/test_customer.py::test_a_state_folder_without_a_fingerprint_takes_one_with_the_next_run",
    },
    "kafka/client/error.py": {
        "a record of topic {} is damaged": "kafka/test_damage.py::test_a_changed_byte_in_any_log_is_refused_and_never_taken",
        "another consumer has this process's place": "kafka/test_intake.py::test_who_loses_its_place_to_another_of_its_slot_says_so",
        "this consumer is finished": "kafka/test_way_out.py::test_a_consumer_whose_time_is_over_gives_its_place_to_the_next",
        "the broker does not answer": _STARTS,
        "the broker answers that it cannot": "unit/kafka/client/test_errors.py::test_a_broker_that_answers_with_an_error_is_not_said_to_be_away",
        "the broker has no coordinator": "unit/kafka/client/test_coordinator.py::test_where_none_comes_the_coordinator_is_said_to_be_missing_and_not_the_broker",
        "the topic {} is missing": _TOPIC_MADE,
        "The next start says which": _LOSS,
    },
    "kafka/client/sender.py": {"a record was not delivered": _TOPIC_MADE},
    "kafka/client/admin.py": {
        "found": "kafka/test_secured.py::test_a_way_that_is_shut_is_told_with_what_to_set",
        "missing: {}. Run": "kafka/test_topics.py::test_a_missing_topic_is_refused_with_the_command_that_makes_it",
    },
    "kafka/position/clock.py": {
        "has no clock that stops a worker": "kafka/test_worker.py::test_a_worker_that_stopped_at_a_clock_goes_on_by_an_operators_word",
        "holds no record at offset": "kafka/test_worker.py::test_a_worker_that_stopped_at_a_clock_goes_on_by_an_operators_word",
        "has no partition {}": "kafka/test_worker.py::test_a_worker_that_stopped_at_a_clock_goes_on_by_an_operators_word",
    },
    "kafka/command.py": {
        "the broker does not take the command": _SENT_AGAIN,
        "`cjo-stream status` shows which partitions": "kafka/test_definition.py::test_an_operator_finds_a_customer_by_any_of_their_identifiers",
    },
    "kafka/client/contents.py": {
        "write a null value under that key": _NULL,
        "could not be read to its end": _READ_AGAIN,
        "a transaction that writes to": _OPEN,
    },
    "kafka/definition/apply.py": {
        "nothing is applied yet": "kafka/test_definition.py::test_an_operator_finds_a_customer_by_any_of_their_identifiers",
        "it goes on where it stopped": _BROKEN_OFF,
        "'; '.join(errors)": "unit/engine/test_task.py::test_a_set_that_does_not_compile_is_refused_and_the_one_in_force_stays",
        "came_between(newest.content)": "kafka/test_definition.py::test_of_two_applies_at_once_one_wins_and_the_other_says_whose",
        "was created anew. Write the topic's records back": "unit/kafka/definition/test_foreign.py::test_no_apply_says_that_a_set_governs_where_a_later_one_does",
    },
    "kafka/definition/writer.py": {
        "is another `apply` under way?": _APPLIED_AGAIN,
    },
    "kafka/hold/order.py": {"could not be read: is the broker up?": _READ_AGAIN},
    "kafka/hold/shelf.py": {
        "could not be read: is the broker up?": _READ_AGAIN,
        "commands that wait in it are lost": "kafka/test_hold.py::test_what_is_no_shelf_stops_dispatch_until_the_topic_is_made_anew",
    },
    "kafka/definition/log.py": {
        "an import into this installation has begun": _BASE_KAFKA,
        "this installation is closed": _BASE_KAFKA,
        "could not be read: is the broker up?": _READ_AGAIN,
        "or records of it were deleted. Write them back": _BACK,
        "no fingerprint of a tenant key": "kafka/test_definition.py::test_without_a_kept_key_or_a_pointer_an_apply_brings_them_back",
        "what `cjo-stream apply` did not write": "unit/kafka/definition/test_foreign.py::test_a_set_that_was_written_over_is_refused_until_its_record_is_back",
        "which set is applied": "kafka/test_definition.py::test_without_a_kept_key_or_a_pointer_an_apply_brings_them_back",
    },
    "kafka/stage/dispatch.py": {
        "does not declare": "kafka/test_dispatch.py::test_a_command_of_a_set_that_was_replaced_goes_out_once_its_record_is_written_back",
    },
    "kafka/client/feed.py": {
        "a record was not delivered": _TOPIC_MADE,
        "were not acknowledged": _SENT_AGAIN,
    },
    "kafka/channel/taker.py": {"positions could not be committed": _SHUT_OUT},
    "webhook/process.py": {"the thread of requests has ended": _SHUT_OUT},
    "webhook/endpoint.py": {
        "is no file: name a file of endpoints": _NO_CHANNEL,
        "endpoints, and a process posts to at most": (
            "unit/webhook/test_endpoint.py::"
            "test_a_file_has_no_more_endpoints_than_a_process_measures"
        ),
        "Name a channel with `out` of the topology": _NO_CHANNEL,
    },
    "kafka/stage/committer.py": {"positions could not be committed": _INTAKE_ANEW},
    "kafka/stage/lesson.py": {
        "what was learnt is of another one": _LEARNT_ANEW,
        "are not learnt": _LEARNT_ANEW,
        "the log lost its end": _LOSS,
    },
    "kafka/position/loss.py": {
        "Bring back the log's replica": _LOSS,
        "could not be read: is the broker up?": _READ_AGAIN,
    },
    "kafka/stage/memory.py": {
        "what no learner of this release wrote": "unit/kafka/definition/test_foreign.py::test_a_learner_whose_memory_was_written_over_begins_anew",
    },
    "kafka/operator/records.py": {
        "Begin with a new position file": "kafka/test_records.py::test_records_that_are_gone_are_no_continuation",
    },
    "kafka/position/position.py": {
        "or delete the group's offsets": "unit/kafka/position/test_position.py::test_an_operator_may_have_intake_go_on_from_the_copy",
        "which goes on from their copy": "unit/kafka/position/test_position.py::test_an_operator_may_have_intake_go_on_from_the_copy",
        "This is a new installation now": "unit/kafka/position/test_position.py::test_an_internal_topic_created_anew_is_a_new_installation",
        "for what is missing, and {}": _WITHOUT,
        "records are gone that were never read": "unit/kafka/position/test_position.py::test_an_operator_may_have_intake_go_on_without_what_is_gone",
        "the log lost its end. Bring it back": _WITHOUT,
    },
    "kafka/client/property.py": {
        "is not known; set CJO_KAFKA__BOOTSTRAP_SERVERS": _PROPERTIES,
        "set another value": _PROPERTIES,
        "librdkafka has no property": _PROPERTIES,
    },
    "kafka/process/slot.py": {
        "is held by process": "kafka/test_slot.py::test_a_slot_is_held_by_one_process_until_it_dies"
    },
    "kafka/process/stage.py": {
        "it is sent again after the next start": _SENT_AGAIN,
        "this process stood still for {} s, or": _INTAKE_ANEW,
    },
    "kafka/topic/check.py": {
        "takes records of {} bytes": "kafka/test_topics.py::test_a_topic_without_room_for_a_frame_is_refused_with_the_command_that_makes_it",
        "set CJO_PARTITIONS to the number": "kafka/test_topics.py::test_every_difference_comes_with_what_mends_it",
        "Set CJO_REPLICATION_FACTOR": "kafka/test_topics.py::test_topics_that_were_created_verify",
    },
    "kafka/client/transaction.py": {
        "another writer has this one's transactional id": "kafka/test_way_out.py::test_a_writer_that_another_shut_out_writes_on_after_a_start",
        "a transaction failed": "kafka/test_way_out.py::test_a_transaction_that_failed_is_written_after_a_start_once_there_is_room",
        "a transaction got no answer": _WRITTEN_AGAIN,
        "of a transaction were not acknowledged": _WRITTEN_AGAIN,
        "is the broker up? What is in the transaction": _WRITTEN_AGAIN,
    },
    "kafka/worker/faust.py": {
        "is none of Kafka's: use": _CREDENTIALS,
        "is not supported by the worker: use": _CREDENTIALS,
    },
    "kafka/client/tls.py": {
        "give the certificate and its key": "unit/kafka/worker/test_credentials.py::test_a_client_certificate_reaches_faust",
        "set the properties ssl.*.location": "unit/kafka/worker/test_credentials.py::test_a_client_certificate_reaches_faust",
    },
    "kafka/worker/assignment.py": {"The next start says which": _LOSS},
    "kafka/worker/partition.py": {"The next start reads the log from {} on": _UP_TO},
    "kafka/worker/process.py": {
        "and must have": "kafka/test_topics.py::test_a_log_that_would_forget_is_refused_with_the_command_that_mends_it",
    },
    "kafka/worker/state.py": {
        "delete its manifest": "unit/house/test_way_out.py::test_a_checkpoint_of_other_state_than_it_says_goes_and_the_one_before_is_taken",
        "Bring back a newer checkpoint": "unit/kafka/worker/test_state_folder.py::test_what_the_log_has_lost_is_made_up_for_by_a_newer_checkpoint",
        "the checkpoints beyond offset": "unit/kafka/worker/test_state_folder.py::test_before_a_log_that_lost_its_end_a_partition_begins_by_older_state",
    },
    "registry/client.py": {
        "set CJO_REGISTRY__URL to the schema": "unit/registry/test_schemas.py::test_settings_that_name_no_registry_or_no_certificates_are_said",
        "has no certificates": "unit/registry/test_schemas.py::test_settings_that_name_no_registry_or_no_certificates_are_said",
        "gives no answer": "unit/registry/test_schemas.py::test_an_answer_that_says_nothing_about_the_schema_is_waited_out",
        "refuses us": "unit/registry/test_schemas.py::test_a_client_enters_by_name_and_password",
        "refuses a schema": "unit/registry/test_schemas.py::test_what_the_registry_does_not_take_is_refused_with_its_words",
        "answers {} {}": "unit/registry/test_schemas.py::test_an_answer_that_says_nothing_about_the_schema_is_waited_out",
        "answers as a schema registry": "unit/registry/test_schemas.py::test_an_answer_that_says_nothing_about_the_schema_is_waited_out",
    },
    "registry/library.py": {
        "needs libraries for": "unit/registry/test_schemas.py::test_libraries_that_are_not_installed_are_named_with_their_extra",
    },
    "registry/protoc.py": {
        "protoc did not compile": "unit/registry/test_protobuf.py::test_a_protoc_that_takes_too_long_is_tried_again",
    },
    "registry/schemas.py": {
        "is unusable": "unit/registry/test_schemas.py::test_one_schema_that_gets_no_answer_does_not_delay_another",
    },
    "registry/text.py": {
        "set CJO_REGISTRY__URL to the registry that dispatch": "unit/registry/test_command.py::test_commands_are_read_back_as_json",
    },
    "settings/given.py": {
        "name another file with --config": _SETTINGS,
        "is not valid TOML": _SETTINGS,
        "there is no setting": _SETTINGS,
    },
    "settings/load.py": {
        "join(misspelt)": _SETTINGS,
        "join(lines)": _SETTINGS,
        "see `cjo-stream settings --help`": _SETTINGS,
        "has no password: set": _PAIRS,
        "password has no name": _PAIRS,
        "has no key: set": _PAIRS,
        "has no certificate: set": _PAIRS,
    },
    "settings/model.py": {"the demo's tenant key is public": _SETTINGS},
    "settings/secret.py": {
        "is set twice: unset": "unit/test_settings.py::test_a_tenant_key_that_is_set_twice_is_refused",
        "name a file that holds": _SECRET,
        "is empty: put": _SECRET,
        "put a key of": "unit/test_settings.py::test_a_file_without_a_tenant_key_is_refused_until_it_has_one",
    },
    "simulate/files.py": {
        "cannot be read": "unit/cli/test_cli.py::test_the_report_holds_a_run_against_its_truth",
        "line {}": "unit/cli/test_cli.py::test_the_report_holds_a_run_against_its_truth",
    },
    "simulate/traffic.py": {
        "people, duration and rate": _TRAFFIC,
        "the haste must be": _TRAFFIC,
        "the shares of faults": _TRAFFIC,
        "there is no traffic model": _TRAFFIC,
    },
    "store/checkpoint.py": {
        "the checkpoint was interrupted": "unit/store/test_checkpoint.py::test_an_interrupted_checkpoint_was_never_there",
        "its manifest names what is no file": _SPOILT,
        "what was stored. Delete": (
            "unit/store/test_checkpoint.py::test_a_spoilt_file_goes_and_the_next_checkpoint_stores_it_anew"
        ),
        "missing. Delete its manifest": _SPOILT,
        "the checkpoint store at": "unit/store/test_checkpoint.py::test_a_checkpoint_store_that_is_away_is_tried_again_later",
    },
    "store/rocks.py": {
        "cannot be made": _DISK,
        "cannot be used for now": _DISK,
        "is held by another process": "unit/house/test_way_out.py::test_a_store_that_is_held_is_open_once_it_is_let_go",
        "Do not delete it": "unit/house/test_way_out.py::test_a_store_that_does_not_open_is_moved_aside_and_comes_back_from_a_copy",
    },
    "telemetry/access.py": {
        "certificate cannot be used": "unit/telemetry/test_access.py::test_a_certificate_that_cannot_be_used_is_refused_until_it_can"
    },
    "telemetry/endpoint.py": {
        "set CJO_METRICS_PORT": "unit/house/test_way_out.py::test_metrics_are_served_at_a_free_port"
    },
    "telemetry/tracing/asked.py": {
        "libraries are not installed": "unit/telemetry/test_tracing.py::test_without_the_extra_the_engine_works_and_says_what_to_install",
        "docs/tracing.md for the variables": "unit/telemetry/test_tracing.py::test_what_cannot_be_used_is_said_and_counted_and_stops_nothing",
    },
    "testing/suite.py": {"no case has that in its name": _CASES},
    "testing/update.py": {
        "several cases share this by an alias": "unit/testing/test_update.py::test_an_expectation_that_two_cases_share_is_written_if_both_agree",
        "cannot be written": "unit/testing/test_update.py::test_a_file_that_cannot_be_written_is_written_once_it_can_be",
    },
    "testing/driver.py": {
        "has no time zone": _DRIVER,
        "is not an identifier type": _DRIVER,
        "is no time: write": _TIMES,
        "advance({}): ": _TIMES,
        "the first record sets the clock": _TIMES,
        "leave `expect` away": _EXPECTED,
        "the record was refused, {}": _EXPECTED,
    },
    "kafka/client/producer.py": {
        "could not be written ({}); start again": _TOPIC_MADE,
        "a frame was not delivered": _TOPIC_MADE,
    },
    "kafka/client/permission.py": {
        "the broker forbids this process's user": _LET_IN,
        "does not accept this process's credentials": _LET_IN,
    },
    "kafka/outlook/channel.py": {
        "allow it to Describe the group *": "unit/kafka/outlook/test_outlook.py::test_a_channel_is_not_unread_where_the_broker_may_hide_who_reads_it"
    },
    "kafka/local/broker.py": {
        "is started from a clone": _STARTS,
        "the local broker ended with code": _STARTS,
        "the local broker does not answer": _STARTS,
        "end what has them": "unit/house/test_way_out.py::test_a_local_broker_has_a_port_once_one_is_free",
    },
    "kafka/operator/replay.py": {
        "try another --partition": "kafka/test_way_out.py::test_of_a_partition_whose_beginning_is_gone_another_is_replayed",
        "has no partition {}": "unit/house/test_way_out.py::test_a_partition_that_there_is_is_replayed",
    },
}

ELSEWHERE: Final = {
    ("embedded/cores/crew.py", "Give the command again with --force, which begins anew"),
    ("embedded/output.py", "make room, then give the command again"),
    ("kafka/worker/assignment.py", "The next start says which"),
}
"""What a process of its own meets, and the test reads; every other one the test meets itself."""


def rows_of(test: str) -> list[tuple[str, str]]:
    """Return (module, words) of what a test meets, and takes the way out of."""
    rows = [(at, words) for at, of in TESTED.items() for words, name in of.items() if name == test]
    return [row for row in rows if row not in ELSEWHERE]
