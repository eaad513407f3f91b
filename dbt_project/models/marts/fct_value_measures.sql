with

measures as (

    select * from {{ ref('int_value_measures_known') }}

),

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

teams as (

    select * from {{ ref('dim_teams') }}

),

final as (

    select
        measures.value_measure_key,
        coalesce(value_streams.value_stream_key, 'unassigned') as value_stream_key,
        measures.value_stream_key as named_value_stream,
        measures.measure,
        measures.measured_on,
        measures.value,
        measures.kind,
        measures.unit,
        measures.better,
        measures.measured_by,
        case
            when measures.owner_team_key is not null then coalesce(teams.team_key, 'unassigned')
        end as owner_team_key,
        measures.owner_team_key as named_team

    from measures

    left join value_streams
        on measures.value_stream_key = value_streams.value_stream_key

    left join teams
        on measures.owner_team_key = teams.team_key

)

select * from final
