with

teams_then as (

    select
        work_item_key,
        team_key

    from {{ ref('dim_work_items') }}

    group by 1, 2

),

-- An item that passed through three teams is a third of an item for each of them.
final as (

    select
        work_item_key || '|' || team_key as work_item_team_key,
        work_item_key,
        team_key,
        cast(1 as double) / count(*) over (partition by work_item_key) as weight

    from teams_then

)

select * from final
