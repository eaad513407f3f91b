with

final as (

    select
        service_key,
        name,
        value_stream_key,
        coalesce(team_key, 'unassigned') as team_key

    from {{ ref('services') }}

    union all

    select
        'unassigned' as service_key,
        'Unassigned' as name,
        'unassigned' as value_stream_key,
        'unassigned' as team_key

)

select * from final
