with

versions as (

    select
        *,
        lag(team_key) over (
            partition by work_item_key
            order by valid_from
        ) as team_before

    from {{ ref('dim_work_items') }}

),

visits as (

    select * from {{ ref('fct_stage_visits') }}

),

changes as (

    select *
    from versions
    where team_before <> team_key and team_before <> 'unassigned' and team_key <> 'unassigned'

),

placed as (

    select
        changes.work_item_key,
        changes.work_item_version_key,
        changes.team_before,
        changes.team_key,
        changes.valid_from,
        visits.stage_key,
        visits.stage,
        row_number() over (
            partition by changes.work_item_version_key
            order by visits.visit_seq desc
        ) as row_num

    from changes

    inner join visits
        on
            changes.work_item_key = visits.work_item_key
            and changes.valid_from >= visits.entered_at

),

final as (

    select
        work_item_version_key as handover_key,
        work_item_key,
        work_item_version_key,
        team_before as from_team_key,
        team_key as to_team_key,
        stage_key,
        stage,
        valid_from as handed_over_at

    from placed

    where row_num = 1

)

select * from final
