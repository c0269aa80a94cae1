//! The contract of the driver, clause by clause, on every kind.
//!
//! A test names the clause it proves (see `src/backend/contract.rs`) and takes a `World`, in which
//! a kind is hidden. The environment variable `MAINSPRING_REQUIRE` names the kinds a run is about;
//! one that cannot be had fails the run.

mod counts;
mod driver;
#[cfg_attr(windows, allow(dead_code, reason = "some tests are for Unix alone"))]
mod machine;
mod poller;
mod required;
mod turning;
mod watch;
mod watchdog;
mod world;

/// Makes every test of the list a test of each kind, called `kind::test`.
macro_rules! for_every_kind {
    ($($room:ident::$file:ident { $($test:ident)* })*) => {
        #[cfg(target_os = "linux")]
        one_kind!(epoll, Epoll, $($($room::$file::$test)*)*);
        #[cfg(unix)]
        one_kind!(poll, Poll, $($($room::$file::$test)*)*);
        #[cfg(target_os = "linux")]
        one_kind!(uring, Uring, $($($room::$file::$test)*)*);
        #[cfg(target_os = "linux")]
        one_kind!(uring_pinned, Uring pinned, $($($room::$file::$test)*)*);
        #[cfg(windows)]
        one_kind!(iocp, Iocp, $($($room::$file::$test)*)*);
        #[cfg(windows)]
        one_kind!(wsapoll, WsaPoll, $($($room::$file::$test)*)*);
        #[cfg(feature = "sim")]
        one_kind!(sim, Sim, $($($room::$file::$test)*)*);
    };
}

/// Makes every test of the list a test of each kind of a Unix machine's own kernel.
#[cfg(unix)]
macro_rules! for_every_kernel_kind {
    ($($room:ident::$file:ident { $($test:ident)* })*) => {
        #[cfg(target_os = "linux")]
        one_kind!(epoll_on_linux, Epoll, $($($room::$file::$test)*)*);
        one_kind!(poll_on_unix, Poll, $($($room::$file::$test)*)*);
        #[cfg(target_os = "linux")]
        one_kind!(uring_on_linux, Uring, $($($room::$file::$test)*)*);
    };
}

/// The same for the kinds of Windows.
#[cfg(windows)]
macro_rules! for_every_windows_kind {
    ($($room:ident::$file:ident { $($test:ident)* })*) => {
        one_kind!(iocp_on_windows, Iocp, $($($room::$file::$test)*)*);
        one_kind!(wsapoll_on_windows, WsaPoll, $($($room::$file::$test)*)*);
    };
}

macro_rules! one_kind {
    ($name:ident, $kind:ident $($pinned:ident)?, $($room:ident::$file:ident::$test:ident)*) => {
        mod $name {
            use crate::world::Plan;

            const PLAN: Plan = Plan::new(mainspring::Kind::$kind)$(.$pinned())?;

            $(
                #[test]
                fn $test() {
                    let name = concat!(stringify!($name), "::", stringify!($test));
                    crate::required::run(PLAN, name, crate::$room::$file::$test);
                }
            )*
        }
    };
}

for_every_kind! {
    driver::arming {
        c1_a_source_that_was_ready_before_the_first_wait_is_heard
        c1_a_call_that_need_not_wait_costs_no_system_call
        c1_data_between_the_call_and_the_wait_is_heard
        c1_the_second_direction_is_heard_when_it_is_waited_for
        c1_both_directions_are_waited_for_at_once
        c3_a_cleared_edge_is_silent_until_something_new_comes
        c3_a_cleared_level_is_heard_again_while_it_lasts
        c3_a_level_nobody_waits_for_does_not_spin
        c3_a_spent_one_shot_is_silent_until_it_is_rearmed
        c3_an_interest_that_was_not_registered_is_refused_in_words
        c3_an_interest_beside_the_watched_one_is_refused_in_words
        c3_a_rearmed_one_shot_serves_who_came_for_the_other_direction
    }
    driver::clearing {
        c2_a_clear_does_not_take_back_an_edge_that_came_since
        c2_the_same_event_cleared_twice_takes_back_once
        c2_data_after_a_short_read_and_a_clear_is_heard
        c2_an_event_of_one_direction_leaves_the_other_alone
        c2_a_thousand_messages_are_read_one_by_one
        c9_closed_bits_survive_a_clear
        c9_a_reset_wakes_both_directions
    }
    driver::sharing {
        c2_every_waiter_of_a_source_is_woken
        c2_a_waiter_that_left_takes_nobody_with_it
        c8_two_sources_are_heard_each_by_its_own_task
    }
    driver::shutdown {
        c14_shutdown_is_heard_by_every_waiter_and_stays
        c14_dropping_the_driver_is_heard_by_every_waiter_and_stays
        c14_shutdown_survives_a_clear_of_readiness_seen_before_it
        c14_a_waiter_on_another_thread_hears_of_the_end
    }
    driver::slots {
        c4_a_stale_event_does_not_reach_the_next_owner_of_the_slot
        c4_a_dropped_registration_hears_nothing
        c4_registering_again_in_every_round_is_heard_in_every_round
        c4_the_events_of_the_slots_former_owner_are_not_counted_again
        c5_a_second_registration_is_refused_in_words_and_harms_nothing
        c5_the_drop_of_a_former_owner_leaves_the_newcomer_alone
        c5_a_former_owner_that_arms_does_not_follow_the_number
        c5_a_source_closed_before_its_registration_is_dropped
        c8_a_closed_source_fails_alone
    }
    driver::turns {
        c7_a_turn_is_never_shorter_than_its_wait
        c7_a_turn_without_a_wait_looks
        c7_the_longest_wait_is_accepted
        c7_a_timer_is_never_early
        c7_the_earliest_of_the_timers_ends_the_turn
        c13_an_event_capacity_of_zero_counts_as_one
        c13_two_thousand_ready_sources_pass_through_a_buffer_of_one
    }
    driver::unparks {
        c6_a_thousand_unparks_of_a_running_driver_cost_nothing
        c6_a_thousand_unparks_of_a_parked_driver_cost_one
        c6_an_unpark_before_the_turn_ends_it
        c6_an_unpark_is_never_lost_in_a_ping_pong
        c6_an_unpark_is_not_eaten_by_a_concurrent_drop
        c6_an_event_alone_is_no_unpark
    }
    poller::batches {
        c13_a_list_of_capacity_zero_works
        c13_two_thousand_ready_sources_are_all_reported_once
        c13_level_sources_that_fill_a_batch_do_not_starve_the_rest
    }
    poller::closing {
        c9_half_close_closes_reading_alone
        c9_the_end_is_told_apart_from_data_that_lies_before_it
        c9_both_halves_closed_is_a_hang_up_without_an_error
        c9_a_closed_peer_closes_reading_without_an_error
        c9_a_reset_is_an_error_and_closes_both_directions
        c9_a_refused_connection_is_an_error
        c9_a_hung_up_source_can_be_modified_and_removed
    }
    poller::edges {
        c1_a_source_that_is_ready_when_added_is_reported
        c1_a_source_that_can_be_written_when_added_is_reported
        c1_a_ready_source_is_reported_again_when_modified
        c1_modify_looks_for_the_interest_that_is_new
        c1_a_finished_connection_is_reported
        c2_data_after_a_short_read_is_a_new_edge
        c2_tcp_data_after_a_short_read_is_a_new_edge
        c2_data_after_data_that_nobody_read_is_a_new_edge
        c2_room_after_a_full_buffer_is_a_new_edge
        c2_every_connection_of_a_listener_is_a_new_edge
    }
    poller::identity {
        c5_a_second_add_is_refused_in_words_and_harms_nothing
        c5_a_duplicate_is_a_source_of_its_own
        c5_a_source_closed_while_a_duplicate_lives_leaves_stale_events
        c5_a_closed_number_is_usable_again_for_the_same_file
        c5_a_closed_number_is_usable_again_for_another_file
        c5_the_data_of_a_newcomer_is_not_the_former_owners
        c5_a_number_that_was_given_away_is_added_by_its_new_owner
        c5_modify_follows_a_number_to_its_new_file
        c5_modify_leaves_the_former_file_behind
    }
    poller::isolation {
        c8_a_closed_source_is_refused_and_disturbs_nobody
        c8_a_source_closed_in_the_set_disturbs_nobody
        c8_a_reset_connection_disturbs_nobody
    }
    poller::removal {
        c4_an_event_that_lay_ready_is_not_delivered_after_remove
        c4_remove_and_add_gives_events_under_the_new_token_only
        c4_modify_renames
        c4_a_source_that_is_not_there_is_refused_in_words
        c4_a_concurrent_removal_leaves_no_ghost
    }
    poller::timeouts {
        c7_a_wait_is_never_shorter_than_its_timeout
        c7_an_event_ends_a_wait_of_any_length
        c7_a_timeout_of_zero_looks_and_does_not_wait
        c7_a_stale_event_does_not_shorten_a_wait
        c7_what_is_ready_is_reported_at_once
    }
    poller::triggers {
        c3_an_edge_is_not_repeated
        c3_a_level_is_repeated_until_it_is_gone
        c3_one_shot_reports_once_and_again_when_modified
        c3_a_spent_one_shot_is_silent_about_the_end_too
        c3_modify_changes_the_trigger
    }
    poller::wakes {
        c6_a_wake_before_the_wait_ends_it
        c6_a_wake_during_the_wait_ends_it
        c6_wakes_before_a_wait_count_as_one
        c6_a_wake_and_an_event_come_together
        c6_a_wake_is_not_eaten_by_add_modify_or_remove
        c6_a_wake_is_not_eaten_by_a_concurrent_change
        c6_a_source_added_during_the_wait_is_heard
    }
}

#[cfg(unix)]
for_every_kernel_kind! {
    machine::changes {
        c7_changes_do_not_shorten_or_lengthen_a_wait
        c7_after_a_change_a_wait_goes_on_with_what_is_left
        c4_what_was_removed_is_held_by_no_wait
        c2_data_after_another_thread_has_read_is_a_new_edge
    }
    machine::kinds_of_source {
        c8_a_regular_file_is_refused_in_words
        c9_a_writer_hears_that_its_reader_has_gone
        c9_a_reader_hears_that_its_last_writer_has_gone
    }
    machine::signals {
        c7_signals_do_not_shorten_a_wait
        c7_signals_do_not_shorten_a_turn
        c2_an_event_is_heard_in_a_storm
    }
    machine::urgent {
        c9_urgent_data_is_heard_alone
        c9_urgent_data_is_told_apart_from_the_usual
        c9_a_task_waits_for_urgent_data_alone
        c2_a_reader_does_not_take_back_urgent_data
        c8_urgent_data_nobody_reads_does_not_spin
    }
}

#[cfg(windows)]
for_every_windows_kind! {
    machine::changes {
        c7_changes_do_not_shorten_or_lengthen_a_wait
        c4_what_was_removed_is_held_by_no_wait
    }
    machine::urgent {
        c9_urgent_data_is_heard_alone
        c9_urgent_data_is_told_apart_from_the_usual
        c9_a_task_waits_for_urgent_data_alone
        c2_a_reader_does_not_take_back_urgent_data
        c8_urgent_data_nobody_reads_does_not_spin
    }
}
