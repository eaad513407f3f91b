with

teams as (

    select * from {{ ref('teams') }}

),

found as (

    select
        name,
        min(group_id) as group_id

    from {{ ref('stg_servicenow__groups') }}

    where name is not null

    group by 1

),

-- What the company has named keeps its key; everything else is known by that of its source.
final as (

    select
        team_key,
        name,
        value_stream_key,
        valid_from,
        valid_to

    from teams

    union all

    select
        'servicenow:group:' || found.group_id as team_key,
        found.name,
        cast(null as varchar) as value_stream_key,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to

    from found

    where
        not exists (
            select 1 from teams
            where teams.name = found.name
        )

)

select * from final
