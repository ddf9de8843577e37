//! The tables as diesel sees them: ids and times BIGINT, bytes raw, everything else text or a number.
//!
//! Written so that one declaration fits SQLite and PostgreSQL; `migrations.rs` holds the test that keeps both equal to it.

#![expect(missing_docs, reason = "the columns are documented in the migrations")]

diesel::table! {
    organizations (id) {
        id -> BigInt,
        name -> Text,
        sealed_signing_key -> Binary,
        public_key -> Binary,
        audit_head -> BigInt,
        audit_head_hash -> Binary,
        created_ms -> BigInt,
    }
}

diesel::table! {
    systems (id) {
        id -> BigInt,
        organization_id -> BigInt,
        public_key -> Binary,
        status -> Text,
        status_changed_ms -> BigInt,
        status_changed_by -> Text,
        hostname -> Text,
        claimed_addresses -> Text,
        os -> Text,
        os_family -> Text,
        arch -> Text,
        kernel -> Nullable<Text>,
        machine_id_hash -> Nullable<Text>,
        agent_version -> Text,
        first_seen_ms -> BigInt,
        certificate_serial -> Nullable<Text>,
        certificate_previous -> Nullable<Text>,
        certificate_not_after_ms -> Nullable<BigInt>,
        key_since_ms -> Nullable<BigInt>,
        key_rotation_asked_ms -> Nullable<BigInt>,
        actions_digest -> Text,
    }
}

diesel::table! {
    system_actions (system_id) {
        system_id -> BigInt,
        catalogue -> Text,
        reported_ms -> BigInt,
    }
}

diesel::table! {
    commands (id) {
        id -> BigInt,
        organization_id -> BigInt,
        system_id -> BigInt,
        job_id -> Nullable<BigInt>,
        action -> Text,
        parameters -> Text,
        redacted -> BigInt,
        timeout_secs -> BigInt,
        state -> Text,
        reason -> Nullable<Text>,
        exit_code -> Nullable<BigInt>,
        created_ms -> BigInt,
        created_by -> Text,
        wait_until_ms -> BigInt,
        nonce -> Text,
        dispatched_ms -> Nullable<BigInt>,
        expires_ms -> Nullable<BigInt>,
        started_ms -> Nullable<BigInt>,
        ended_ms -> Nullable<BigInt>,
        cancel_ms -> Nullable<BigInt>,
        cancel_by -> Nullable<Text>,
        output_bytes -> BigInt,
        output_incomplete -> BigInt,
        kind -> Text,
    }
}

diesel::table! {
    command_output (command_id, start) {
        command_id -> BigInt,
        start -> BigInt,
        data -> Binary,
    }
}

diesel::table! {
    certificates (id) {
        id -> BigInt,
        organization_id -> BigInt,
        system_id -> BigInt,
        serial -> Text,
        issued_ms -> BigInt,
        not_before_ms -> BigInt,
        not_after_ms -> BigInt,
        revoked_ms -> Nullable<BigInt>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    system_states (system_id) {
        system_id -> BigInt,
        replay_high -> BigInt,
        replay_window -> BigInt,
        replay_mark -> Nullable<BigInt>,
        boot_id -> Text,
        boots -> Text,
        address -> Text,
        interval_secs -> BigInt,
        last_seen_ms -> Nullable<BigInt>,
        clock_skew_ms -> Nullable<BigInt>,
        rebooted_ms -> Nullable<BigInt>,
        cpu_percent -> Nullable<Double>,
        mem_used_bytes -> Nullable<BigInt>,
        mem_total_bytes -> Nullable<BigInt>,
        disk_used_bytes -> Nullable<BigInt>,
        disk_total_bytes -> Nullable<BigInt>,
        uptime_secs -> Nullable<BigInt>,
        containers -> Nullable<Text>,
        heartbeat_audited_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    telemetry_samples (system_id, at_ms) {
        system_id -> BigInt,
        at_ms -> BigInt,
        cpu_percent -> Nullable<Double>,
        mem_used_bytes -> Nullable<BigInt>,
        disk_used_bytes -> Nullable<BigInt>,
    }
}

diesel::table! {
    telemetry_rollups (system_id, step_secs, at_ms) {
        system_id -> BigInt,
        step_secs -> BigInt,
        at_ms -> BigInt,
        samples -> BigInt,
        cpu_avg -> Nullable<BigInt>,
        cpu_min -> Nullable<BigInt>,
        cpu_max -> Nullable<BigInt>,
        mem_used_avg -> Nullable<BigInt>,
        mem_used_max -> Nullable<BigInt>,
        disk_used_avg -> Nullable<BigInt>,
        disk_used_max -> Nullable<BigInt>,
    }
}

diesel::table! {
    telemetry_sweeps (id) {
        id -> BigInt,
        due_ms -> BigInt,
    }
}

diesel::table! {
    registration_nonces (digest) {
        digest -> Binary,
        expires_ms -> BigInt,
    }
}

diesel::table! {
    users (id) {
        id -> BigInt,
        organization_id -> BigInt,
        username -> Text,
        password_hash -> Text,
        role -> Text,
        created_ms -> BigInt,
        last_login_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (id) {
        id -> BigInt,
        token_hash -> Binary,
        user_id -> BigInt,
        address -> Text,
        method -> Text,
        second_factor -> BigInt,
        created_ms -> BigInt,
        last_used_ms -> BigInt,
        expires_ms -> BigInt,
    }
}

diesel::table! {
    setup_codes (code_hash) {
        code_hash -> Binary,
        created_ms -> BigInt,
        organization_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    login_failures (subject) {
        subject -> Text,
        failures -> BigInt,
        last_ms -> BigInt,
        blocked_until_ms -> BigInt,
    }
}

diesel::table! {
    jobs (id) {
        id -> BigInt,
        organization_id -> BigInt,
        kind -> Text,
        argument -> Text,
        filter -> Nullable<Text>,
        retry_of -> Nullable<BigInt>,
        state -> Text,
        total -> BigInt,
        done -> BigInt,
        failed -> BigInt,
        skipped -> BigInt,
        created_ms -> BigInt,
        created_by -> Text,
        created_from -> Text,
        started_ms -> Nullable<BigInt>,
        finished_ms -> Nullable<BigInt>,
        cancelled_by -> Nullable<Text>,
        lease_owner -> Text,
        lease_until_ms -> BigInt,
    }
}

diesel::table! {
    job_targets (job_id, system_id) {
        job_id -> BigInt,
        system_id -> BigInt,
        hostname -> Text,
        expected_status -> Text,
        outcome -> Text,
        reason -> Nullable<Text>,
        at_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    audit_entries (organization_id, id) {
        organization_id -> BigInt,
        id -> BigInt,
        at_ms -> BigInt,
        actor -> Text,
        address -> Text,
        action -> Text,
        target -> Text,
        outcome -> Text,
        detail -> Text,
        previous_hash -> Binary,
        hash -> Binary,
    }
}

diesel::table! {
    audit_anchors (organization_id, entry_id, kind) {
        organization_id -> BigInt,
        entry_id -> BigInt,
        kind -> Text,
        hash -> Binary,
        at_ms -> BigInt,
        public_key -> Binary,
        signature -> Binary,
    }
}

diesel::table! {
    audit_forward_cursors (target, organization_id) {
        target -> Text,
        organization_id -> BigInt,
        last_id -> BigInt,
        last_anchor_id -> BigInt,
        last_sent_ms -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        last_error_ms -> Nullable<BigInt>,
        leased_by -> Text,
        leased_until_ms -> BigInt,
    }
}

diesel::table! {
    enrollment_tokens (id) {
        id -> BigInt,
        organization_id -> BigInt,
        name -> Text,
        token_hash -> Binary,
        created_ms -> BigInt,
        created_by -> Text,
        expires_ms -> Nullable<BigInt>,
        max_uses -> Nullable<BigInt>,
        uses -> BigInt,
        last_used_ms -> Nullable<BigInt>,
        disabled_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    idempotency_keys (organization_id, principal, route, key_hash) {
        organization_id -> BigInt,
        principal -> Text,
        route -> Text,
        key_hash -> Binary,
        result_id -> BigInt,
        expires_ms -> BigInt,
    }
}

diesel::table! {
    organization_settings (organization_id, name) {
        organization_id -> BigInt,
        name -> Text,
        value -> Text,
        changed_ms -> BigInt,
        changed_by -> Text,
    }
}

diesel::table! {
    half_sessions (token_hash) {
        token_hash -> Binary,
        user_id -> BigInt,
        method -> Text,
        expires_ms -> BigInt,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> BigInt,
        user_id -> BigInt,
        name -> Text,
        token_hash -> Binary,
        role -> Text,
        created_ms -> BigInt,
        expires_ms -> BigInt,
        last_used_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    ssh_keys (id) {
        id -> BigInt,
        user_id -> BigInt,
        name -> Text,
        algorithm -> Text,
        fingerprint -> Text,
        public_key -> Binary,
        created_ms -> BigInt,
        last_used_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    used_challenges (digest) {
        digest -> Binary,
        expires_ms -> BigInt,
    }
}

diesel::table! {
    second_factors (user_id) {
        user_id -> BigInt,
        sealed_seed -> Binary,
        created_ms -> BigInt,
        confirmed_ms -> Nullable<BigInt>,
        last_step -> BigInt,
    }
}

diesel::table! {
    recovery_codes (user_id, code_hash) {
        user_id -> BigInt,
        code_hash -> Binary,
    }
}

diesel::table! {
    server_alive (id) {
        id -> BigInt,
        at_ms -> BigInt,
    }
}

diesel::table! {
    server_outages (from_ms) {
        from_ms -> BigInt,
        to_ms -> BigInt,
    }
}

diesel::table! {
    identity_conflicts (id) {
        id -> BigInt,
        system_id -> BigInt,
        claimant -> Text,
        keeper -> Text,
        evidence -> Text,
        claimant_address -> Text,
        keeper_address -> Text,
        hostname -> Text,
        machine_id_hash -> Nullable<Text>,
        first_ms -> BigInt,
        last_ms -> BigInt,
        refused -> BigInt,
        state -> Text,
    }
}

diesel::table! {
    groups (id) {
        id -> BigInt,
        organization_id -> BigInt,
        name -> Text,
        description -> Text,
        kind -> Text,
        generation -> BigInt,
        created_ms -> BigInt,
        created_by -> Text,
    }
}

diesel::table! {
    group_members (group_id, generation, system_id) {
        group_id -> BigInt,
        generation -> BigInt,
        system_id -> BigInt,
        added_ms -> BigInt,
        added_by -> Text,
    }
}

diesel::table! {
    rules (group_id, generation) {
        group_id -> BigInt,
        generation -> BigInt,
        conditions -> Text,
        disabled_ms -> Nullable<BigInt>,
        changed_ms -> BigInt,
        changed_by -> Text,
    }
}

diesel::table! {
    rule_versions (organization_id) {
        organization_id -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    system_tags (system_id, tag) {
        system_id -> BigInt,
        tag -> Text,
    }
}

diesel::table! {
    system_notes (system_id) {
        system_id -> BigInt,
        note -> Text,
        changed_ms -> BigInt,
        changed_by -> Text,
    }
}

diesel::table! {
    saved_filters (id) {
        id -> BigInt,
        organization_id -> BigInt,
        owner -> Text,
        name -> Text,
        filter -> Text,
        sort -> Text,
        shown_columns -> Text,
        changed_ms -> BigInt,
    }
}

diesel::table! {
    enrollment_token_groups (token_id, group_id) {
        token_id -> BigInt,
        group_id -> BigInt,
    }
}

diesel::table! {
    backup_state (id) {
        id -> BigInt,
        last_ms -> BigInt,
        failed_ms -> Nullable<BigInt>,
        failure -> Nullable<Text>,
        leased_by -> Text,
        leased_until_ms -> BigInt,
    }
}

diesel::table! {
    backup_restores (at_ms) {
        at_ms -> BigInt,
        backup_created -> Text,
        sha256 -> Text,
    }
}

diesel::table! {
    signing_key_transitions (organization_id, old_public_key) {
        organization_id -> BigInt,
        old_public_key -> Binary,
        sealed_old_key -> Nullable<Binary>,
        retire_ms -> BigInt,
        created_ms -> BigInt,
        statement -> Text,
    }
}

diesel::table! {
    packages (id) {
        id -> BigInt,
        platform -> Text,
        version -> Text,
        size_bytes -> BigInt,
        sha256 -> Text,
        signature -> Text,
        added_ms -> BigInt,
        added_by -> Text,
    }
}

diesel::table! {
    package_parts (package_id, start) {
        package_id -> BigInt,
        start -> BigInt,
        data -> Binary,
    }
}

diesel::table! {
    upgrades (id) {
        id -> BigInt,
        organization_id -> BigInt,
        system_id -> BigInt,
        command_id -> Nullable<BigInt>,
        rollout_id -> Nullable<BigInt>,
        platform -> Text,
        version -> Text,
        from_version -> Text,
        total_bytes -> BigInt,
        done_bytes -> BigInt,
        state -> Text,
        reason -> Nullable<Text>,
        created_ms -> BigInt,
        created_by -> Text,
        changed_ms -> BigInt,
        heard_ms -> BigInt,
        ended_ms -> Nullable<BigInt>,
    }
}

diesel::table! {
    rollouts (id) {
        id -> BigInt,
        organization_id -> BigInt,
        version -> Text,
        filter -> Nullable<Text>,
        stages -> Text,
        stage -> BigInt,
        failure_budget -> BigInt,
        forgiven -> BigInt,
        automatic -> BigInt,
        at_once -> BigInt,
        state -> Text,
        reason -> Nullable<Text>,
        created_ms -> BigInt,
        created_by -> Text,
        created_from -> Text,
        changed_ms -> BigInt,
        lease_owner -> Text,
        lease_until_ms -> BigInt,
    }
}

diesel::table! {
    rollout_targets (rollout_id, system_id) {
        rollout_id -> BigInt,
        system_id -> BigInt,
        cohort -> BigInt,
        state -> Text,
        reason -> Nullable<Text>,
    }
}

diesel::joinable!(system_states -> systems (system_id));
diesel::joinable!(upgrades -> systems (system_id));
diesel::joinable!(commands -> systems (system_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(half_sessions -> users (user_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::joinable!(ssh_keys -> users (user_id));
diesel::joinable!(second_factors -> users (user_id));
diesel::joinable!(recovery_codes -> users (user_id));
diesel::joinable!(users -> organizations (organization_id));
diesel::joinable!(group_members -> groups (group_id));
diesel::joinable!(group_members -> systems (system_id));
diesel::joinable!(rules -> groups (group_id));
diesel::joinable!(system_tags -> systems (system_id));
diesel::joinable!(system_notes -> systems (system_id));
diesel::joinable!(enrollment_token_groups -> groups (group_id));
diesel::allow_tables_to_appear_in_same_query!(
    organizations,
    systems,
    certificates,
    system_actions,
    commands,
    command_output,
    packages,
    package_parts,
    upgrades,
    rollouts,
    rollout_targets,
    system_states,
    telemetry_samples,
    telemetry_rollups,
    telemetry_sweeps,
    registration_nonces,
    users,
    sessions,
    setup_codes,
    login_failures,
    audit_anchors,
    jobs,
    job_targets,
    audit_entries,
    audit_forward_cursors,
    enrollment_tokens,
    idempotency_keys,
    organization_settings,
    half_sessions,
    api_tokens,
    ssh_keys,
    used_challenges,
    second_factors,
    recovery_codes,
    server_alive,
    server_outages,
    identity_conflicts,
    backup_state,
    backup_restores,
    groups,
    group_members,
    rules,
    rule_versions,
    system_tags,
    system_notes,
    saved_filters,
    enrollment_token_groups,
    signing_key_transitions,
);
