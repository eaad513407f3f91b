with

changes as (

    select * from {{ ref('int_changes_unioned') }}

),

carried as (

    select * from {{ ref('int_changes_carried') }}

),

-- Dates of commits are set by their authors, a draft may be reviewed, and so may what is merged.
clocks as (

    select
        *,
        first_commit_at > opened_at as is_coded_after_opening,
        first_review_at < ready_at as is_reviewed_before_ready,
        first_review_at > merged_at as is_reviewed_after_merge

    from changes

),

-- A clock that runs backwards measures nothing.
final as (

    select
        changes.change_key,
        changes.kind,
        changes.source_system,
        changes.repository,
        changes.service_key,
        changes.merge_commit_sha,
        changes.author_key,
        changes.additions,
        changes.deletions,
        cast(
            case
                when not changes.is_coded_after_opening
                    then {{ seconds_between('changes.first_commit_at', 'changes.opened_at') }}
            end as bigint
        ) as coding_s,
        cast(
            case
                when not changes.is_reviewed_before_ready
                    then {{ seconds_between('changes.ready_at', 'changes.first_review_at') }}
            end as bigint
        ) as pickup_s,
        cast(
            case
                when not changes.is_reviewed_after_merge
                    then {{ seconds_between('changes.first_review_at', 'changes.merged_at') }}
            end as bigint
        ) as review_s,
        cast(
            case
                when carried.deployed_at >= changes.merged_at
                    then {{ seconds_between('changes.merged_at', 'carried.deployed_at') }}
            end as bigint
        ) as merge_to_deploy_s,
        changes.ai_assistance,
        changes.ai_method,
        -- Whoever leaves no trace is not seen.
        case changes.ai_method
            when 'account' then cast(0.95 as double)
            when 'trailer' then cast(0.9 as double)
            when 'messages' then cast(0.5 as double)
        end as ai_confidence,
        changes.is_revert,
        changes.is_hotfix,
        changes.is_written_before_repository,
        coalesce(carried.is_behind_first, false) as is_behind_first_deployment,
        changes.is_coded_after_opening,
        changes.is_reviewed_before_ready,
        changes.is_reviewed_after_merge,
        changes.first_commit_at,
        changes.opened_at,
        changes.ready_at,
        changes.first_review_at,
        changes.approved_at,
        changes.merged_at,
        changes.closed_at,
        carried.deployed_at

    from clocks as changes

    left join carried
        on changes.change_key = carried.change_key

)

select * from final
