with

teams as (

    select * from {{ ref('int_teams_unioned') }}

),

-- A team that is gone stays, as what it was last; one that is yet to come is what it will be first.
-- Of lines that overlap, the latest one counts.
ranked as (

    select
        *,
        row_number() over (
            partition by team_key
            order by
                case
                    when
                        cast(coalesce(valid_from, date '0001-01-01') as timestamp) <= {{ as_of() }}
                        then 0
                    else 1
                end,
                case
                    when
                        cast(coalesce(valid_from, date '0001-01-01') as timestamp) <= {{ as_of() }}
                        then valid_from
                end desc nulls last,
                valid_from,
                value_stream_key,
                name
        ) as place

    from teams

),

final as (

    select
        team_key,
        name,
        coalesce(value_stream_key, 'unassigned') as value_stream_key,
        {{ valid_at('ranked', as_of()) }} as is_current,
        valid_from,
        valid_to

    from ranked

    where place = 1

    union all

    select
        'unassigned' as team_key,
        'Unassigned' as name,
        'unassigned' as value_stream_key,
        true as is_current,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to

)

select * from final
