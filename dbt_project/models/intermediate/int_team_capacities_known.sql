with

team_capacities as (

    select * from {{ ref('stg_feeds__team_capacities') }}

),

final as (

    select * from team_capacities

    where week_start <= cast({{ as_of() }} as date)

)

select * from final
