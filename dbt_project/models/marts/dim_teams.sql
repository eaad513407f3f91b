with

teams as (

    select * from {{ ref('int_teams_unioned') }}

),

begun as (

    select
        *,
        cast(coalesce(valid_from, date '0001-01-01') as timestamp) > {{ as_of() }} as is_to_come

    from teams

),

-- A team that is gone stays, as what it was last; one that is yet to come is what it will be first.
ranked as (

    select
        *,
        row_number() over (
            partition by team_key
            order by
                is_to_come,
                case when is_to_come then valid_from end,
                valid_from desc nulls last
        ) as row_num

    from begun

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

    where row_num = 1

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
