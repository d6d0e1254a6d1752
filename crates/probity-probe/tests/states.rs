//! Which test shows how a kind of probe behaves in which state of its target, or why there is none; and that
//! `docs/probes.md` says the same. `UPDATE_DOCS=1 cargo test -p probity-probe --test states` writes that page anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod reference;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use probity_plan::kinds::KINDS;

/// A kind's states. One row for each kind, in any order; `plan` is an example with its probes and claims.
struct Row {
    kind: &'static str,
    /// It is there and answers as it should.
    present: &'static [Cell],
    /// It is not there: a fact.
    absent: &'static [Cell],
    /// The observer's user may not look: a barrier for what is hidden.
    forbidden: &'static [Cell],
    /// It never answers: the look ends at its time-out, with everything it started.
    hanging: &'static [Cell],
    /// It answers what makes no sense.
    nonsense: &'static [Cell],
    /// It answers text meant to harm whoever shows it.
    hostile: &'static [Cell],
    plan: &'static str,
}

/// What covers a state.
#[derive(Clone, Copy)]
enum Cell {
    /// The test of this name in this file, from `tests/`.
    Test(&'static str, &'static str),
    /// Nothing, for this reason.
    Empty(&'static str),
}
use Cell::{Empty, Test};

impl Row {
    fn cells(&self) -> [(&'static str, &'static [Cell]); 6] {
        [
            ("present", self.present),
            ("absent", self.absent),
            ("forbidden", self.forbidden),
            ("hanging", self.hanging),
            ("nonsense", self.nonsense),
            ("hostile", self.hostile),
        ]
    }
}

const ROWS: &[Row] = &[
    Row {
        kind: "command",
        present: &[Test("command.rs", "a_program_that_ends_says_how_and_what"), Test("command.rs", "a_signal_leaves_no_exit_code"), Test("command.rs", "standard_input_and_environment_are_what_the_plan_says"), Test("command.rs", "lines_end_as_on_any_system")],
        absent: &[Test("command.rs", "a_program_that_is_not_there_is_a_fact"), Test("command.rs", "a_program_whose_interpreter_is_missing_is_there_and_says_so")],
        forbidden: &[Test("command.rs", "a_program_that_may_not_be_run_is_a_barrier")],
        hanging: &[Test("command.rs", "a_program_that_hangs_is_ended_with_everything_it_started"), Test("command.rs", "a_child_that_holds_the_output_open_does_not_keep_the_look"), Test("command.rs", "a_look_that_is_dropped_ends_its_program_too"), Test("command.rs", "output_without_end_ends_at_the_time_out"), Test("command.rs", "what_left_group_session_and_environment_is_ended_too")],
        nonsense: &[Test("command.rs", "what_is_not_utf_8_is_not_text_and_hostile_text_is"), Test("command.rs", "more_output_than_is_kept_is_counted_and_not_shown_in_part")],
        hostile: &[Test("command.rs", "what_is_not_utf_8_is_not_text_and_hostile_text_is"), Test("command.rs", "what_is_recorded_of_an_output_names_the_secret_in_its_place")],
        plan: "
probes:
  kernel: { command: [uname, -r], impact: observe }
claims:
  kernel_known: { of: kernel, check: exit_code == 0 }
",
    },
    Row {
        kind: "file",
        present: &[Test("file.rs", "a_file_is_described_with_digest_and_content"), Test("file.rs", "every_kind_of_file_is_named_and_none_is_waited_for"), Test("file.rs", "a_link_is_looked_at_itself_unless_the_plan_follows_it"), Test("file.rs", "yaml_json_toml_and_ini_are_parsed"), Test("file.rs", "a_long_file_has_a_digest_and_its_content_is_not_shown_in_part"), Test("file.rs", "what_protects_a_file_beside_its_mode_is_seen"), Test("file.rs", "one_look_is_of_one_file_though_another_takes_its_place")],
        absent: &[Test("file.rs", "what_is_not_there_is_a_fact")],
        forbidden: &[Test("file.rs", "what_may_not_be_looked_at_is_behind_a_barrier")],
        hanging: &[Test("file.rs", "a_file_system_that_hangs_is_timed_out"), Test("file.rs", "what_cannot_be_read_in_time_is_left_and_the_rest_is_known"), Test("file.rs", "every_kind_of_file_is_named_and_none_is_waited_for")],
        nonsense: &[Test("file.rs", "what_does_not_parse_is_behind_a_barrier_and_the_rest_is_not"), Test("file.rs", "what_is_not_utf_8_is_not_text"), Test("file.rs", "what_changes_under_the_look_is_not_seen"), Test("file.rs", "a_file_of_the_future_has_no_age")],
        hostile: &[Test("file.rs", "a_hostile_name_and_content_are_kept_as_text")],
        plan: "
probes:
  shadow: { file: /etc/shadow }
claims:
  shadow_private: { of: shadow, check: \"mode in ['600', '640', '400'] && owner == 'root' && acl == []\" }
",
    },
    Row {
        kind: "http",
        present: &[Test("http_framing.rs", "an_answer_is_whole_where_its_framing_says_so"), Test("http.rs", "a_body_is_read_as_its_headers_say"), Test("http_cookies.rs", "cookies_are_kept_for_as_long_as_the_plan_says"), Test("http.rs", "a_document_is_in_the_charset_that_it_says_itself_where_the_headers_say_none"), Test("http.rs", "an_address_of_a_link_is_reached_by_its_interface"), Test("http.rs", "http_2_is_spoken_where_the_plan_says_so"), Test("http_framing.rs", "odd_headers_do_not_make_an_answer_none"), Test("http.rs", "what_is_asked_for_is_what_the_plan_says"), Test("http.rs", "a_redirect_leads_where_a_browser_would_go_and_only_over_http"), Test("http.rs", "a_unix_socket_is_asked_like_a_port"), Test("http.rs", "a_certificate_that_signed_itself_can_be_pinned"), Test("http.rs", "a_server_that_answers_is_seen_with_headers_body_and_times"), Test("http.rs", "redirects_are_followed_only_as_far_as_the_plan_says"), Test("http.rs", "tls_counts_as_an_answer_only_where_the_certificate_is_trusted")],
        absent: &[Test("http.rs", "a_port_where_nobody_listens_is_not_answered"), Test("http.rs", "a_failure_and_an_absent_page_are_answers")],
        forbidden: &[Test("http.rs", "who_we_are_is_shown_to_a_server_that_asks"), Test("http.rs", "a_user_in_the_url_is_who_asks_and_no_other_server_learns_it"), Test("http.rs", "a_refusal_is_a_status_and_the_right_password_its_control")],
        hanging: &[Test("../src/connect/mod.rs", "an_address_that_is_silent_does_not_keep_the_next_one_waiting"), Test("http.rs", "a_silent_server_is_left_at_the_time_out"), Test("http.rs", "what_came_before_the_time_out_is_kept")],
        nonsense: &[Test("http.rs", "a_certificate_that_does_not_verify_is_the_targets"), Test("http_framing.rs", "a_head_that_is_longer_than_is_read_is_neither_an_answer_nor_none"), Test("http_framing.rs", "where_the_line_that_tells_the_end_of_a_body_is_none_nothing_tells_it"), Test("http.rs", "what_the_observer_itself_cannot_do_is_nothing_of_the_targets"), Test("http_framing.rs", "nonsense_is_a_barrier_and_no_answer")],
        hostile: &[Test("http.rs", "hostile_answers_are_kept_as_text_or_not_at_all")],
        plan: "
probes:
  health: { http: \"http://127.0.0.1:8003/health/ready\", every: 5s, for: 10m }
claims:
  healthy: { of: health, check: status == 200, share: \">= 95%\" }
",
    },
    Row {
        kind: "process",
        present: &[Test("process.rs", "a_running_process_is_found_by_path_name_and_arguments"), Test("process.rs", "the_tree_holds_what_a_process_started"), Test("process.rs", "without_a_name_every_process_is_listed"), Test("process.rs", "a_process_whose_executable_was_deleted_is_found_and_says_so")],
        absent: &[Test("process.rs", "no_such_process_is_a_count_of_zero"), Test("process.rs", "a_part_of_a_name_or_of_an_argument_is_not_enough"), Test("process.rs", "a_zombie_does_not_run"), Test("process.rs", "the_same_path_on_other_mounts_is_another_file")],
        forbidden: &[Test("process.rs", "a_hidden_executable_is_a_barrier_and_not_a_zero"), Test("process.rs", "a_proc_that_hides_processes_is_a_barrier"), Test("process.rs", "without_proc_nothing_is_known")],
        hanging: &[Test("../src/tables.rs", "a_table_that_hangs_is_a_time_out_and_the_next_look_reads_again")],
        nonsense: &[Test("process.rs", "what_a_process_calls_itself_does_not_count"), Test("process.rs", "when_it_started_does_not_move_with_the_clock")],
        hostile: &[Test("process.rs", "hostile_names_and_arguments_are_recorded_as_they_are")],
        plan: "
probes:
  server: { process: /usr/sbin/nginx, every: 5s, for: 8m }
  telnet: { process: in.telnetd }
claims:
  runs: { of: server, check: running }
  same_all_along: { of: server, stable: [pid, started] }
  no_telnet: { of: telnet, check: count == 0 }
",
    },
    Row {
        kind: "port",
        present: &[Test("port.rs", "a_listening_port_shows_its_addresses_and_owner"), Test("port.rs", "every_address_of_both_families_is_shown"), Test("port.rs", "udp_and_tcp_are_told_apart"), Test("port.rs", "a_unix_socket_is_found_by_its_path_or_abstract_name"), Test("port.rs", "without_a_number_every_listening_socket_is_listed")],
        absent: &[Test("port.rs", "a_free_port_is_not_listening"), Test("port.rs", "a_unix_socket_is_the_file_that_stands_at_its_path"), Test("port.rs", "a_unix_socket_is_found_whatever_network_its_listener_lives_in"), Test("port.rs", "a_refused_connection_is_not_connected"), Test("port.rs", "a_host_without_an_address_says_nothing_about_its_port")],
        forbidden: &[Test("port.rs", "another_users_process_is_a_barrier_and_its_port_is_not"), Test("port.rs", "a_socket_that_nobody_is_found_to_hold_has_no_known_owner"), Test("port.rs", "without_proc_nobody_is_said_to_listen_or_not")],
        hanging: &[Test("port.rs", "a_port_that_drops_is_not_connected_in_time"), Test("../src/tables.rs", "a_table_that_hangs_is_a_time_out_and_the_next_look_reads_again")],
        nonsense: &[Test("port.rs", "a_table_that_makes_no_sense_is_a_barrier"), Test("port.rs", "a_connection_that_is_taken_is_connected_whoever_answers")],
        hostile: &[Test("port.rs", "a_hostile_socket_name_forges_no_other")],
        plan: "
probes:
  database: { port: 5432 }
  all: { port: all }
  web_from_here: { port: 443, connect: www.example.org }
  database_from_here: { port: 5432, connect: www.example.org }
claims:
  database_local: { of: database, check: listening && loopback_only }
  known_owners: { of: all, check: \"owners.all(o, o.loopback || o.executable in ['/usr/sbin/sshd', '/usr/sbin/nginx'])\" }
  web_open: { of: web_from_here, check: connected }
  database_closed: { of: database_from_here, check: \"!connected\", control: web_open }
",
    },
    Row {
        kind: "user",
        present: &[Test("accounts.rs", "root_is_found_by_name_and_number"), Test("accounts.rs", "all_accounts_are_listed_with_what_stands_out"), Test("accounts.rs", "whom_only_another_name_service_knows_exists_and_owns"), Test("accounts.rs", "an_empty_password_field_needs_no_shadow")],
        absent: &[Test("accounts.rs", "an_account_that_is_not_there_does_not_exist")],
        forbidden: &[Test("accounts.rs", "passwords_are_hidden_from_others"), Test("accounts.rs", "account_files_that_may_not_be_read_are_a_barrier")],
        hanging: &[Test("accounts.rs", "a_name_service_that_cannot_be_asked_or_hangs_is_a_barrier"), Test("accounts.rs", "a_name_service_that_gives_no_answer_is_no_word_that_nobody_is_there")],
        nonsense: &[Test("accounts.rs", "an_account_file_that_makes_no_sense_is_a_barrier")],
        hostile: &[Test("accounts.rs", "hostile_text_in_an_account_is_recorded_as_it_is")],
        plan: "
probes:
  service_user: { user: www-data }
  accounts: { user: all }
claims:
  cannot_log_in: { of: service_user, check: exists && shell == '/usr/sbin/nologin' }
  one_root: { of: accounts, check: \"uid_0 == ['root']\" }
  no_empty_password: { of: accounts, check: \"empty_passwords == []\" }
",
    },
    Row {
        kind: "group",
        present: &[Test("accounts.rs", "a_group_shows_its_members"), Test("accounts.rs", "whom_only_another_name_service_knows_exists_and_owns")],
        absent: &[Test("accounts.rs", "an_account_that_is_not_there_does_not_exist")],
        forbidden: &[Test("accounts.rs", "account_files_that_may_not_be_read_are_a_barrier")],
        hanging: &[Test("accounts.rs", "a_name_service_that_cannot_be_asked_or_hangs_is_a_barrier"), Test("accounts.rs", "a_name_service_that_gives_no_answer_is_no_word_that_nobody_is_there")],
        nonsense: &[Test("accounts.rs", "an_account_file_that_makes_no_sense_is_a_barrier")],
        hostile: &[Test("accounts.rs", "hostile_text_in_an_account_is_recorded_as_it_is")],
        plan: "
probes:
  administrators: { group: sudo }
claims:
  only_ops: { of: administrators, check: \"members == ['ops']\" }
",
    },
    Row {
        kind: "mount",
        present: &[Test("storage.rs", "what_is_mounted_shows_its_file_system_and_options"), Test("storage.rs", "all_mounts_are_listed")],
        absent: &[Test("storage.rs", "a_path_where_nothing_is_mounted_or_is_nothing_is_said_so"), Test("storage.rs", "what_lies_below_another_mount_is_on_no_path")],
        forbidden: &[Test("storage.rs", "without_proc_no_mount_is_known")],
        hanging: &[Test("storage.rs", "a_file_system_that_hangs_ends_in_a_time_out")],
        nonsense: &[Test("../src/mounts.rs", "a_mount_point_with_odd_characters_reads_as_it_is"), Test("storage.rs", "a_table_of_mounts_that_changes_while_it_is_read_is_not_believed")],
        hostile: &[Test("storage.rs", "hostile_mounts_are_recorded_as_they_are")],
        plan: "
probes:
  temporary: { mount: /tmp }
claims:
  no_programs: { of: temporary, check: \"mounted && 'noexec' in options\" }
",
    },
    Row {
        kind: "disk",
        present: &[Test("storage.rs", "a_disk_shows_what_df_shows"), Test("storage.rs", "how_full_a_disk_is")],
        absent: &[Test("storage.rs", "a_path_where_nothing_is_mounted_or_is_nothing_is_said_so")],
        forbidden: &[Test("storage.rs", "a_disk_behind_a_closed_folder_is_a_barrier")],
        hanging: &[Test("storage.rs", "a_file_system_that_hangs_ends_in_a_time_out")],
        nonsense: &[Test("storage.rs", "how_full_a_disk_is")],
        hostile: &[Test("storage.rs", "hostile_mounts_are_recorded_as_they_are")],
        plan: "
probes:
  data: { disk: /var/lib/postgresql }
claims:
  room: { of: data, check: used_percent < 80 && inodes_used_percent < 80 }
",
    },
    Row {
        kind: "kernel-parameter",
        present: &[Test("kernel.rs", "a_parameter_shows_its_value_as_text_and_number"), Test("kernel.rs", "a_parameter_of_any_size_is_a_number")],
        absent: &[Test("kernel.rs", "a_parameter_that_is_not_there_does_not_exist")],
        forbidden: &[Test("kernel.rs", "a_parameter_that_may_not_be_read_exists_and_its_value_is_a_barrier"), Test("kernel.rs", "without_its_tree_no_parameter_is_missing")],
        hanging: &[Test("kernel.rs", "a_parameter_that_hangs_ends_in_a_time_out")],
        nonsense: &[Test("kernel.rs", "a_parameter_with_nonsense_or_hostile_text_is_kept_as_it_is_and_capped")],
        hostile: &[Test("kernel.rs", "a_parameter_with_nonsense_or_hostile_text_is_kept_as_it_is_and_capped")],
        plan: "
probes:
  forwarding: { kernel-parameter: net.ipv4.ip_forward }
claims:
  no_router: { of: forwarding, check: number == 0 }
",
    },
    Row {
        kind: "interface",
        present: &[Test("kernel.rs", "the_loopback_interface_shows_state_addresses_and_counters"), Test("kernel.rs", "an_interface_that_is_down_is_not_up"), Test("kernel.rs", "an_address_with_a_label_is_the_interfaces"), Test("kernel.rs", "state_and_mtu_are_those_of_the_own_network_whoever_mounted_sys")],
        absent: &[Test("kernel.rs", "an_interface_that_is_not_there_does_not_exist")],
        forbidden: &[Empty("everybody may ask the kernel for its interfaces")],
        hanging: &[Empty("the kernel answers for its interfaces itself; nothing is waited for")],
        nonsense: &[Test("../src/links.rs", "no_answer_is_more_than_nonsense")],
        hostile: &[Test("kernel.rs", "a_hostile_interface_name_is_recorded_as_it_is")],
        plan: "
probes:
  uplink: { interface: eth0 }
claims:
  carries: { of: uplink, check: running && mtu_bytes >= 1500 && received_errors == 0 }
",
    },
    Row {
        kind: "tls",
        present: &[Test("tls.rs", "a_curve_that_ring_lacks_is_verified_all_the_same"), Test("tls.rs", "the_chain_ends_with_the_first_of_its_certificates"), Test("tls.rs", "a_mail_server_is_asked_for_tls"), Test("tls.rs", "starttls_asks_for_tls_in_each_protocol"), Test("tls.rs", "a_server_as_it_should_be"), Test("tls.rs", "each_version_is_found_truthfully"), Test("tls.rs", "nginx_serves_the_versions_that_it_is_told_to"), Test("tls.rs", "where_only_an_older_client_gets_in_the_look_says_so_and_still_sees_the_certificate")],
        absent: &[Test("tls.rs", "a_port_where_nobody_listens_is_not_answered")],
        forbidden: &[Test("tls.rs", "a_group_that_this_client_lacks_is_nothing_bad_of_the_server"), Test("tls.rs", "a_chain_signed_by_what_this_client_cannot_verify_is_neither_trusted_nor_not"), Test("tls.rs", "a_key_of_a_length_that_is_not_verified_with_is_neither_trusted_nor_not"), Test("tls.rs", "a_server_that_wants_to_know_who_we_are_is_seen_all_the_same"), Test("tls.rs", "alerts_to_everything_show_nothing_about_versions")],
        hanging: &[Test("tls.rs", "a_silent_server_is_left_at_the_time_out")],
        nonsense: &[Test("tls.rs", "what_is_not_tls_is_nonsense_and_no_answer"), Test("tls.rs", "a_bad_certificate_is_seen_and_not_refused")],
        hostile: &[Test("tls.rs", "a_subject_that_means_harm_is_kept_as_text"), Test("tls.rs", "who_does_not_hold_the_key_of_a_good_certificate_is_not_trusted")],
        plan: "
probes:
  door: { tls: \"127.0.0.1:443\", server_name: www.example.org }
claims:
  current: { of: door, check: \"trusted && name_matches && expires_in_days > 14\" }
  nothing_old: { of: door, check: \"tls_1_2 && !tls_1_0 && !tls_1_1\" }
",
    },
    Row {
        kind: "dns",
        present: &[Test("dns.rs", "a_name_may_hold_what_no_host_is_called"), Test("dns.rs", "an_authority_answers_each_type_of_record"), Test("dns.rs", "aliases_are_followed_and_listed"), Test("dns.rs", "what_is_too_long_for_udp_comes_over_tcp")],
        absent: &[Test("dns.rs", "a_referral_says_nothing_of_the_records"), Test("dns.rs", "a_port_where_nobody_listens_is_not_answered"), Test("dns.rs", "a_name_that_is_not_there_is_a_fact")],
        forbidden: &[Test("dns.rs", "a_refusal_is_a_fact_and_the_records_stay_unknown")],
        hanging: &[Test("dns.rs", "an_answer_cut_short_whose_rest_does_not_come_is_neither_an_answer_nor_none"), Test("dns.rs", "the_systems_own_name_server_is_found_as_the_c_library_does_and_its_silence_is_ours"), Test("dns.rs", "a_silent_server_is_left_at_the_time_out")],
        nonsense: &[Test("dns.rs", "nonsense_and_answers_to_other_questions_are_a_barrier"), Test("dns.rs", "a_failing_server_and_records_of_another_name_are_told_apart_from_an_answer")],
        hostile: &[Test("dns.rs", "hostile_texts_are_kept_as_text")],
        plan: "
probes:
  name: { dns: www.example.org, server: \"127.0.0.1:53\" }
claims:
  resolves: { of: name, check: \"rcode == 'NOERROR' && records == ['192.0.2.80']\" }
",
    },
    Row {
        kind: "mysql",
        present: &[Test("mysql.rs", "a_query_yields_typed_rows"), Test("mysql.rs", "over_the_socket_too"), Test("mysql.rs", "tls_is_spoken_where_the_server_does_and_required_only_with_whom_we_trust")],
        absent: &[Test("mysql.rs", "a_port_where_nobody_listens_is_not_answered")],
        forbidden: &[Test("mysql.rs", "who_may_not_is_denied_and_told_so"), Test("mysql.rs", "nothing_is_written_and_no_second_statement_runs")],
        hanging: &[Test("mysql.rs", "a_query_that_takes_too_long_is_ended_on_the_server_too"), Test("mysql.rs", "a_silent_server_is_left_at_the_time_out")],
        nonsense: &[Test("mysql.rs", "nonsense_is_a_barrier_never_a_row"), Test("../src/kinds/mysql/packets.rs", "no_packet_is_more_than_nonsense")],
        hostile: &[Test("mysql.rs", "hostile_and_huge_results_are_kept_as_text_or_not_at_all")],
        plan: "
inputs:
  password: { env: DB_PASSWORD, secret: true }
probes:
  orders: { mysql: \"mysql://auditor:$password@127.0.0.1:3306/shop?ssl-mode=REQUIRED\", query: \"SELECT count(*) AS open FROM orders WHERE paid IS NULL\" }
claims:
  paid: { of: orders, check: value == 0 }
",
    },
    Row {
        kind: "smtp",
        present: &[Test("smtp.rs", "a_mail_server_says_what_it_offers_and_lets_a_user_in"), Test("smtp.rs", "tls_from_the_first_byte_too")],
        absent: &[Test("smtp.rs", "a_port_where_nobody_listens_is_not_answered")],
        forbidden: &[Test("smtp.rs", "who_may_not_is_denied_and_told_so"), Test("smtp.rs", "a_password_is_sent_in_trusted_tls_only")],
        hanging: &[Test("smtp.rs", "a_silent_server_is_left_at_the_time_out")],
        nonsense: &[Test("smtp.rs", "nonsense_is_a_barrier_never_a_reply")],
        hostile: &[Test("smtp.rs", "hostile_texts_are_kept_as_text")],
        plan: "
inputs:
  password: { env: MAIL_PASSWORD, secret: true }
probes:
  mail: { smtp: \"mail.example:587\", starttls: true, username: ann, password: $password }
claims:
  lets_in: { of: mail, check: logged_in && max_size_bytes >= 10485760 }
",
    },
    Row {
        kind: "icmp",
        present: &[Test("icmp.rs", "a_host_that_is_there_replies")],
        absent: &[Test("icmp.rs", "who_turns_a_request_away_is_told_with_the_code"), Test("icmp.rs", "a_request_that_cannot_be_sent_says_nothing_of_the_host")],
        forbidden: &[Test("icmp.rs", "who_may_not_ask_the_kernel_says_nothing_of_the_host")],
        hanging: &[Test("icmp.rs", "silence_ends_at_the_time_out_and_is_no_answer")],
        nonsense: &[Empty("what is no reply to this very request is not for this look, and it goes on waiting")],
        hostile: &[Empty("nothing of an answer is text, and none of it is kept")],
        plan: "
probes:
  router: { icmp: 192.0.2.1, every: 1s, for: 60s, timeout: 900ms }
claims:
  hardly_any_loss: { of: router, check: answered, share: \">= 95%\" }
  near: { of: router, check: round_trip_ms < 50, share: \">= 90%\" }
",
    },
    Row {
        kind: "redis",
        present: &[Test("redis.rs", "tls_is_spoken_only_with_a_server_that_can_be_trusted"), Test("redis.rs", "a_server_answers_each_kind_of_reading_command"), Test("redis.rs", "info_is_a_map_of_numbers_and_texts"), Test("redis.rs", "a_reply_in_crumbs_is_read_whole")],
        absent: &[Test("redis.rs", "a_port_or_socket_where_nobody_listens_is_not_answered")],
        forbidden: &[Test("redis.rs", "who_may_not_is_denied_and_told_so")],
        hanging: &[Test("redis.rs", "a_reply_that_does_not_end_in_time_is_neither_an_answer_nor_none"), Test("redis.rs", "a_silent_server_is_left_at_the_time_out")],
        nonsense: &[Test("redis.rs", "nonsense_is_a_barrier_never_a_reply"), Test("redis.rs", "an_error_is_a_fact_and_no_denial")],
        hostile: &[Test("redis.rs", "hostile_replies_are_kept_as_text_or_not_at_all")],
        plan: "
inputs:
  password: { env: REDIS_PASSWORD, secret: true }
probes:
  queue: { redis: \"127.0.0.1:6379\", command: [LLEN, jobs], password: $password, every: 5s, for: 10m }
claims:
  drained: { of: queue, check: reply < 100, share: \">= 95%\" }
",
    },
    Row {
        kind: "jsonrpc",
        present: &[Test("jsonrpc.rs", "calls_are_answered_over_either_transport"), Test("jsonrpc.rs", "notifications_are_waited_for"), Test("jsonrpc.rs", "calls_that_do_not_wait_for_each_other_get_their_own_replies")],
        absent: &[Test("jsonrpc.rs", "where_nobody_listens_nobody_answers")],
        forbidden: &[Test("jsonrpc.rs", "an_error_is_a_fact_with_its_code"), Test("jsonrpc.rs", "a_server_that_closes_says_with_which_code")],
        hanging: &[Test("jsonrpc.rs", "a_silent_server_is_left_at_the_time_out")],
        nonsense: &[Test("jsonrpc.rs", "what_is_no_reply_is_no_answer")],
        hostile: &[Test("jsonrpc.rs", "hostile_text_is_kept_as_text_and_more_than_is_read_is_a_barrier")],
        plan: "
inputs:
  token: { env: CAMERA_TOKEN, secret: true }
probes:
  cameras:
    jsonrpc: \"ws://127.0.0.1:8002/ws\"
    calls:
      - { method: authenticate, params: { auth_token: $token } }
      - { method: get_camera_list }
    impact: observe
claims:
  two_connected: { of: cameras, check: succeeded && result.connected == 2 }
",
    },
    Row {
        kind: "websocket",
        present: &[Test("websocket.rs", "messages_and_pings_are_answered_and_a_farewell_is_returned"), Test("websocket.rs", "a_frame_that_breaks_the_protocol_is_answered_by_its_end"), Test("websocket.rs", "who_closes_it_and_how_is_seen"), Test("websocket.rs", "a_message_that_is_too_long_is_refused_with_a_code"), Test("websocket.rs", "headers_and_subprotocols_are_what_the_plan_says")],
        absent: &[Test("websocket.rs", "where_nobody_listens_nobody_answers")],
        forbidden: &[Test("websocket.rs", "who_is_not_let_in_is_told_with_a_status")],
        hanging: &[Test("websocket.rs", "a_silent_server_is_left_at_the_time_out")],
        nonsense: &[Test("websocket.rs", "nonsense_is_a_barrier_and_no_answer")],
        hostile: &[Test("websocket.rs", "hostile_text_is_kept_as_text_and_more_than_is_kept_is_a_barrier")],
        plan: "
probes:
  own: { websocket: \"ws://127.0.0.1:8002/ws\", headers: { origin: \"http://127.0.0.1:8002\" } }
  foreign: { websocket: \"ws://127.0.0.1:8002/ws\", headers: { origin: \"https://evil.example\" } }
  unmasked:
    websocket: \"ws://127.0.0.1:8002/ws\"
    frames: [ { raw: 81 02 68 69 } ]
    wait: 2s
    impact: observe
claims:
  opens: { of: own, check: accepted }
  no_other_page: { of: foreign, check: \"status == 403\", control: opens }
  strict: { of: unmasked, check: closed && close_code == 1002 }
",
    },
    Row {
        kind: "rate-limit",
        present: &[Test("rate_limit.rs", "a_limit_lies_between_what_was_granted_and_what_was_refused"), Test("rate_limit.rs", "what_a_limit_counts_by_is_who_else_is_let_in"), Test("rate_limit.rs", "a_limit_by_windows_is_no_lower_than_what_it_grants_in_each"), Test("rate_limit.rs", "calls_over_a_websocket_are_counted_by_who_the_session_says"), Test("rate_limit.rs", "who_is_kept_waiting_does_not_keep_the_next_request")],
        absent: &[Test("rate_limit.rs", "without_a_refusal_it_is_known_up_to_where_it_was_looked"), Test("rate_limit.rs", "where_nobody_listens_nobody_answers")],
        forbidden: &[Test("rate_limit.rs", "who_may_not_at_all_meets_no_limit_and_the_plan_says_what_a_refusal_is")],
        hanging: &[Test("rate_limit.rs", "a_silent_server_is_left_at_the_time_out")],
        nonsense: &[Test("rate_limit.rs", "nonsense_is_a_barrier_and_a_server_that_goes_away_may_have_refused")],
        hostile: &[Test("rate_limit.rs", "hostile_answers_are_counted_and_not_kept")],
        plan: "
inputs:
  viewer: { env: VIEWER_TOKEN, secret: true }
  operator: { env: OPERATOR_TOKEN, secret: true }
probes:
  calls:
    rate-limit: \"ws://127.0.0.1:8002/ws\"
    call: { method: ping }
    session: [ { method: authenticate, params: { auth_token: $viewer } } ]
    refused_code: [ -32040 ]
    other_identity: { session: [ { method: authenticate, params: { auth_token: $operator } } ] }
    timeout: 4m
claims:
  limited: { of: calls, check: limited && burst <= 25 && limit_per_s * 60 <= 90 }
  by_identity: { of: calls, check: per_identity && !per_connection }
",
    },
    Row {
        kind: "postgres",
        present: &[Test("postgres.rs", "tls_is_spoken_only_with_a_server_that_can_be_trusted"), Test("postgres.rs", "a_query_yields_typed_rows"), Test("postgres.rs", "over_the_socket_too"), Test("postgres.rs", "nothing_is_written_and_no_second_statement_runs")],
        absent: &[Test("postgres.rs", "a_port_where_nobody_listens_is_not_answered")],
        forbidden: &[Test("postgres.rs", "who_may_not_is_denied_and_told_so")],
        hanging: &[Test("postgres.rs", "a_silent_server_is_left_at_the_time_out"), Test("postgres.rs", "a_query_that_takes_too_long_is_ended_on_the_server_too")],
        nonsense: &[Test("postgres.rs", "nonsense_is_a_barrier_never_a_row"), Test("postgres.rs", "an_error_is_a_fact_and_no_denial")],
        hostile: &[Test("postgres.rs", "hostile_and_huge_results_are_kept_as_text_or_not_at_all"), Test("postgres.rs", "a_server_whose_texts_are_none_is_not_believed"), Test("postgres.rs", "a_server_that_never_stops_talking_is_cut_off")],
        plan: "
inputs:
  password: { env: PGPASSWORD, secret: true }
probes:
  orders:
    postgres: \"postgresql://auditor:$password@127.0.0.1/shop\"
    query: SELECT count(*) FROM orders WHERE paid IS NULL
claims:
  all_paid: { of: orders, check: value == 0 }
",
    },
    Row {
        kind: "firewall",
        present: &[Test("firewall.rs", "what_is_loaded_is_told_with_what_it_lets_in"), Test("firewall.rs", "what_the_rules_say_is_so"), Test("firewall.rs", "ufw_tells_whether_it_is_active_and_its_rules_are_in_the_kernel")],
        absent: &[Test("firewall.rs", "without_rules_everything_is_open"), Test("firewall.rs", "what_stands_on_the_disk_only_is_not_loaded"), Test("firewall.rs", "without_nft_the_tool_is_missing")],
        forbidden: &[Test("firewall.rs", "rules_are_shown_to_who_may_administer_the_network")],
        hanging: &[Test("firewall.rs", "a_nft_that_hangs_or_babbles_is_not_believed")],
        nonsense: &[Test("firewall.rs", "what_is_not_understood_is_a_barrier_and_the_rules_are_known"), Test("firewall.rs", "a_nft_that_hangs_or_babbles_is_not_believed"), Test("../src/kinds/firewall/ruleset.rs", "what_is_not_about_the_same_rules_is_not_believed")],
        hostile: &[Test("firewall.rs", "hostile_text_is_kept_as_text")],
        plan: "
probes:
  rules: { firewall: all }
claims:
  closed_by_default: { of: rules, check: \"active && input_policy == 'drop' && input_policy_ipv6 == 'drop'\" }
  service_let_in: { of: rules, check: \"rules.exists(r, r.hook == 'input' && r.text == 'tcp dport 8002 accept')\" }
  nothing_else: { of: rules, check: \"open_ports.all(p, p.first == p.last && p.first in [22, 8002])\" }
  nor_to_some: { of: rules, check: \"open_to_some == []\" }
",
    },
    Row {
        kind: "service",
        present: &[Test("service.rs", "a_running_service_is_described"), Test("service.rs", "a_service_that_keeps_breaking_is_failed_and_counted"), Test("service.rs", "a_crash_loop_is_none_that_failed_and_is_told"), Test("service.rs", "what_runs_from_files_that_changed_since_says_so"), Test("service.rs", "a_service_that_a_signal_ended_has_no_exit_code"), Test("service.rs", "a_timer_tells_when_it_last_went_off_and_has_no_process")],
        absent: &[Test("service.rs", "an_absent_unit_is_a_fact_and_a_masked_one_another"), Test("service.rs", "a_unit_whose_file_is_gone_exists_as_long_as_it_runs"), Test("service.rs", "without_systemd_nothing_is_known_of_units"), Test("service.rs", "without_systemctl_the_tool_is_missing")],
        forbidden: &[Test("service.rs", "nobody_may_ask_as_long_as_there_is_a_bus")],
        hanging: &[Test("service.rs", "a_systemd_that_does_not_answer_is_timed_out")],
        nonsense: &[Test("service.rs", "nonsense_is_not_an_answer")],
        hostile: &[Test("service.rs", "hostile_text_is_kept_as_text")],
        plan: "
probes:
  unit: { service: camera-service, every: 5s, for: 8m }
  units: { service: \"*\" }
claims:
  steady: { of: unit, stable: [main_pid, restarts] }
  none_failed: { of: units, check: size(failed) == 0 }
",
    },
    Row {
        kind: "lifecycle",
        present: &[Test("lifecycle.rs", "a_unit_is_started_until_it_serves_and_stopped_until_it_is_gone"), Test("lifecycle.rs", "what_says_active_and_never_listens_does_not_serve"), Test("lifecycle.rs", "a_crash_loop_is_told_and_its_restarts_are_counted"), Test("lifecycle.rs", "what_a_stop_leaves_behind_is_named"), Test("lifecycle.rs", "what_is_reloaded_goes_on_as_the_same"), Test("lifecycle.rs", "what_is_killed_comes_back_where_its_unit_says_so")],
        absent: &[Test("lifecycle.rs", "what_systemd_does_not_do_is_not_done_and_why_is_told"), Test("lifecycle.rs", "without_systemd_nothing_is_done")],
        forbidden: &[Test("lifecycle.rs", "who_may_not_act_changes_nothing_and_says_so")],
        hanging: &[Test("lifecycle.rs", "a_systemd_that_does_not_answer_is_timed_out"), Test("lifecycle.rs", "a_stop_that_takes_too_long_says_so")],
        nonsense: &[Test("lifecycle.rs", "nonsense_is_not_an_answer"), Test("lifecycle.rs", "what_makes_no_sense_is_refused_before_anything_is_done"), Test("lifecycle.rs", "the_machine_that_looks_is_never_rebooted")],
        hostile: &[Test("lifecycle.rs", "hostile_text_is_kept_as_text")],
        plan: "
probes:
  restart:
    lifecycle: camera-service
    act: restart
    serving: { http: \"http://127.0.0.1:8003/health/ready\" }
    serves: { status: 200 }
    watch: 5s
    timeout: 60s
  stop: { lifecycle: camera-service, act: stop, timeout: 60s }
claims:
  serves_soon: { of: restart, check: \"done && serves && serving_ms < 10000 && restarts == 0\" }
  leaves_nothing: { of: stop, check: \"done && size(left_processes) == 0 && size(left_sockets) == 0 && size(left_files) == 0\" }
",
    },
    Row {
        kind: "log",
        present: &[Test("log.rs", "lines_of_the_window_that_match_are_counted"), Test("log.rs", "without_since_the_window_begins_with_the_second_in_which_the_run_did"), Test("log.rs", "nothing_is_counted_where_the_log_does_not_reach_back"), Test("log.rs", "a_long_log_is_read_as_far_back_as_its_window_reaches"), Test("log.rs", "times_are_in_the_zone_that_they_name_or_the_plan_says_or_unknown"), Test("journal.rs", "the_journal_tells_what_a_unit_said"), Test("journal.rs", "a_journal_that_speaks_within_the_window_reaches_back_before_it"), Test("journal.rs", "what_the_journal_left_out_is_not_none")],
        absent: &[Test("log.rs", "a_missing_log_is_a_fact_and_nothing_is_known_of_its_lines"), Test("journal.rs", "the_journal_never_heard_of_the_unit"), Test("journal.rs", "without_a_journal_nothing_is_known_of_it")],
        forbidden: &[Test("log.rs", "a_log_that_may_not_be_read_is_a_barrier"), Test("journal.rs", "a_journal_that_may_not_be_read_is_a_barrier")],
        hanging: &[Test("log.rs", "what_is_not_a_file_is_not_waited_for"), Test("log.rs", "a_log_without_end_is_left_in_time"), Test("journal.rs", "a_journalctl_that_hangs_is_ended_and_one_that_babbles_not_believed")],
        nonsense: &[Test("log.rs", "a_file_without_times_is_nonsense_and_hostile_text_is_text"), Test("log.rs", "a_time_that_lies_ahead_is_not_when_its_line_was_written"), Test("log.rs", "an_old_time_behind_the_window_s_beginning_is_not_when_its_line_was_written"), Test("log.rs", "lines_that_end_with_carriage_returns_alone_are_one_whose_time_is_not_known"), Test("log.rs", "a_log_that_is_cut_off_under_the_look_is_not_what_was_read"), Test("journal.rs", "a_journalctl_that_hangs_is_ended_and_one_that_babbles_not_believed")],
        hostile: &[Test("log.rs", "what_is_not_utf_8_matches_only_where_its_encoding_does_not_matter_or_is_said"), Test("log.rs", "an_afternoon_or_a_zone_behind_a_clock_is_not_passed_over_however_it_is_written"), Test("log.rs", "a_file_without_times_is_nonsense_and_hostile_text_is_text"), Test("journal.rs", "the_journal_keeps_hostile_bytes_and_long_lines_whole")],
        plan: "
probes:
  errors: { log: /var/log/app.log, since: 10m, match: \"ERROR|PANIC\" }
  syncs: { log: { journal: netbox-sync }, since: 1d, match: sync finished }
claims:
  no_errors: { of: errors, check: count == 0 }
  hourly: { of: syncs, periodic: 1h, tolerance: 5m, starts: times }
",
    },
    Row {
        kind: "package",
        present: &[Test("package.rs", "what_dpkg_installed_is_described_and_its_changed_files_are_named"), Test("package.rs", "what_rpm_installed_is_described_though_dpkg_has_no_such_package"), Test("package.rs", "what_is_unpacked_and_not_set_up_is_neither_installed_nor_not"), Test("package.rs", "every_state_of_dpkg_is_one_of_three")],
        absent: &[Test("package.rs", "an_absent_package_is_a_fact_and_a_pattern_is_no_name"), Test("package.rs", "not_installed_is_believed_only_if_every_manager_says_so")],
        forbidden: &[Test("package.rs", "files_that_may_not_be_read_have_neither_changed_nor_not")],
        hanging: &[Test("package.rs", "a_manager_that_hangs_or_babbles_is_not_believed")],
        nonsense: &[Test("package.rs", "a_manager_that_hangs_or_babbles_is_not_believed"), Test("package.rs", "a_package_that_becomes_another_one_under_the_look_is_not_seen")],
        hostile: &[Test("package.rs", "hostile_text_is_kept_as_text")],
        plan: "
probes:
  telnet: { package: telnetd }
  openssh: { package: openssh-server }
claims:
  no_telnet: { of: telnet, check: \"!installed\" }
  untouched: { of: openssh, check: size(changed) == 0 }
",
    },
    Row {
        kind: "container",
        present: &[Test("container.rs", "a_running_container_is_described"), Test("container.rs", "a_container_that_does_not_run_says_how_it_ended_or_that_it_never_began"), Test("container.rs", "restarts_are_counted"), Test("container.rs", "a_container_of_docker_is_described_while_it_runs_and_after"), Test("container.rs", "dockers_description_is_read")],
        absent: &[Test("container.rs", "a_container_that_does_not_run_says_how_it_ended_or_that_it_never_began"), Test("container.rs", "a_socket_that_is_not_there_or_may_not_be_used_is_a_barrier")],
        forbidden: &[Test("container.rs", "a_socket_that_is_not_there_or_may_not_be_used_is_a_barrier")],
        hanging: &[Test("container.rs", "a_silent_engine_is_timed_out")],
        nonsense: &[Test("container.rs", "nonsense_is_not_an_answer")],
        hostile: &[Test("container.rs", "hostile_text_is_kept_as_text")],
        plan: "
probes:
  web: { container: web, every: 5s, for: 8m }
claims:
  healthy: { of: web, check: \"running && health == 'healthy'\" }
  steady: { of: web, stable: [pid, restarts] }
",
    },
];

/// Where looks from elsewhere are tested, below `crates/probity/tests`.
const FILES: [&str; 3] = ["observers.rs", "observers_engines.rs", "observers_ssh.rs"];

/// What is tested there, for every kind alike, by the way to an observer.
const ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "`pid`",
        &[
            "every_kind_sees_through_an_observer_what_it_sees_here",
            "what_is_inside_a_process_s_namespaces_is_seen_from_there_and_verifies",
            "a_connection_that_is_lost_is_a_barrier_until_it_is_made_anew",
            "what_cannot_be_reached_is_never_taken_for_absent",
            "a_secret_goes_over_the_pipe_only_and_is_masked",
            "an_undo_runs_where_the_act_was_done_and_one_that_fails_withholds_the_acceptance",
            "what_runs_there_can_neither_change_our_program_nor_do_more_than_what_it_runs_among",
        ],
    ),
    (
        "`container` of systemd-nspawn",
        &[
            "a_booted_container_is_found_by_its_name",
            "a_machine_that_is_rebooted_is_reached_again_and_its_unit_is_watched",
            "what_cannot_be_reached_is_never_taken_for_absent",
            "only_root_keeps_containers",
        ],
    ),
    (
        "`container` of Podman",
        &[
            "what_is_inside_a_container_of_podman_is_seen_from_there",
            "a_root_without_a_c_library_wants_a_static_build_and_says_so",
        ],
    ),
    (
        "`container` of Docker",
        &[
            "what_is_inside_a_container_of_docker_is_seen_from_there",
            "the_tool_of_an_engine_names_the_process_of_a_container",
        ],
    ),
    ("`container` of LXC", &["what_is_inside_a_container_of_lxc_is_seen_from_there"]),
    (
        "`netns`",
        &[
            "a_network_namespace_is_another_network_with_the_same_files",
            "what_is_left_of_a_network_after_its_end_is_looked_at_no_more",
            "what_cannot_be_reached_is_never_taken_for_absent",
        ],
    ),
    (
        "`ssh`",
        &[
            "another_machine_is_reached_by_the_operator_s_own_ssh",
            "a_way_that_is_closed_or_leads_to_somebody_else_is_a_barrier",
            "a_connection_that_is_cut_is_made_anew",
            "a_connection_that_is_cut_while_the_program_is_copied_leaves_nothing_behind",
            "a_machine_that_is_reached_by_ssh_is_rebooted_and_reached_again",
        ],
    ),
];

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

#[test]
fn every_kind_has_one_row_and_every_row_a_kind() {
    let kinds: Vec<&str> = KINDS.iter().map(|spec| spec.name).collect();
    for kind in &kinds {
        let rows = ROWS.iter().filter(|row| row.kind == *kind).count();
        assert_eq!(rows, 1, "ROWS in tests/states.rs needs one row for the kind `{kind}`");
    }
    for row in ROWS {
        assert!(
            kinds.contains(&row.kind),
            "ROWS in tests/states.rs has a row for `{}`, which is no kind",
            row.kind
        );
    }
}

#[test]
fn every_test_that_a_cell_names_exists() {
    let mut missing = BTreeSet::new();
    for row in ROWS {
        for (state, cells) in row.cells() {
            assert!(!cells.is_empty(), "{}: `{state}` is empty without a reason", row.kind);
            for cell in cells {
                match cell {
                    Test(file, name) => {
                        let source = std::fs::read_to_string(tests_folder().join(file)).unwrap_or_default();
                        if !is_test(&source, name) {
                            missing
                                .insert(format!("{}: {state}: no test `{name}` in tests/{file}", row.kind));
                        }
                    }
                    Empty(reason) => assert!(reason.len() > 10, "{}: `{state}` needs a reason", row.kind),
                }
            }
        }
    }
    let read =
        |file: &str| std::fs::read_to_string(tests_folder().join("../../probity/tests").join(file)).unwrap();
    let source: String = FILES.iter().map(|file| read(file)).collect();
    for (way, tests) in ELSEWHERE {
        let unknown = tests.iter().filter(|name| !is_test(&source, name));
        missing.extend(unknown.map(|name| format!("{way}: no test `{name}` in {}", FILES.join(", "))));
    }
    assert!(missing.is_empty(), "{}", missing.into_iter().collect::<Vec<_>>().join("\n"));
}

/// One text as a plan's only file.
struct Only(String);
impl probity_plan::Sources for Only {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

#[test]
fn every_example_is_a_plan_of_its_kind() {
    for row in ROWS {
        let plan = format!("plan: Example\n{}\nverdict:\n  - {{ label: DONE }}\n", row.plan.trim());
        let loaded = probity_plan::load("example.yaml", &Only(plan), &Default::default());
        let plan = loaded.unwrap_or_else(|errors| panic!("{}:\n{errors}", row.kind)).plan;
        assert!(plan.probes.iter().any(|probe| probe.spec().name == row.kind), "{}", row.kind);
        assert!(!plan.claims.is_empty(), "{}", row.kind);
    }
}

/// Whether the source has a function of this name directly under a `#[test]` or `#[tokio::test…]`.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(i, line)| {
        let function = line.strip_prefix("async ").unwrap_or(line);
        let named = function.strip_prefix("fn ").is_some_and(|rest| rest.starts_with(&format!("{name}(")));
        let attributes = || lines[..i].iter().rev().take_while(|line| line.starts_with("#["));
        named && attributes().any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn a_function_without_the_attribute_is_not_a_test() {
    let source = "fn helper() {}\n#[test]\nfn one() {}\n#[tokio::test]\n#[ignore]\nasync fn two() {}\n";
    assert!(is_test(source, "one") && is_test(source, "two"));
    assert!(!is_test(source, "helper") && !is_test(source, "on") && !is_test(source, "three"));
}

#[test]
fn docs_probes_md_is_what_the_kinds_declare() {
    let page = reference::page(ROWS, ELSEWHERE);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/probes.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/probes.md is not what the kinds declare; write it anew with\n\
         UPDATE_DOCS=1 cargo test -p probity-probe --test states"
    );
}
