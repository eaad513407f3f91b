with

final as (

    select
        team_key,
        name,
        value_stream_key

    from {{ ref('teams') }}

    union all

    select
        'unassigned' as team_key,
        'Unassigned' as name,
        'unassigned' as value_stream_key

)

select * from final
