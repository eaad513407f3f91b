with

teams as (

    select * from {{ ref('teams') }}
    where {{ valid_at('teams', as_of()) }}

),

-- Of a team whose periods overlap, the latest one counts.
ranked as (

    select
        *,
        row_number() over (
            partition by team_key
            order by coalesce(valid_from, date '0001-01-01') desc, value_stream_key
        ) as place

    from teams

),

final as (

    select
        team_key,
        name,
        value_stream_key,
        valid_from,
        valid_to

    from ranked

    where place = 1

    union all

    select
        'unassigned' as team_key,
        'Unassigned' as name,
        'unassigned' as value_stream_key,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to

)

select * from final
