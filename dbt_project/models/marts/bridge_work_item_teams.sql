with

teams_then as (

    select
        work_item_key,
        team_key,
        max(case when row_num_from_end = 1 then work_item_version_key end)
            as work_item_version_key,
        count(case when team_key <> 'unassigned' then 1 end) over (
            partition by work_item_key
        ) as known_teams

    from (
        select
            *,
            row_number() over (
                partition by work_item_key, team_key
                order by valid_from desc
            ) as row_num_from_end

        from {{ ref('dim_work_items') }}
    ) as versions

    group by 1, 2

),

-- An item that passed through three teams is a third of an item for each of them. The time before
-- anybody said whose it is counts for nobody: only an item that never had a team is `unassigned`.
final as (

    select
        work_item_key || '|' || team_key as work_item_team_key,
        work_item_key,
        work_item_version_key,
        team_key,
        cast(1 as double) / count(*) over (partition by work_item_key) as weight

    from teams_then

    where team_key <> 'unassigned' or known_teams = 0

)

select * from final
