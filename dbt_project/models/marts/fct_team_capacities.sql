with

capacities as (

    select * from {{ ref('int_team_capacities_known') }}

),

teams as (

    select * from {{ ref('dim_teams') }}

),

final as (

    select
        capacities.team_capacity_key,
        coalesce(teams.team_key, 'unassigned') as team_key,
        capacities.team_key as named_team,
        capacities.role,
        capacities.week_start,
        capacities.available_hours

    from capacities

    left join teams
        on capacities.team_key = teams.team_key

)

select * from final
