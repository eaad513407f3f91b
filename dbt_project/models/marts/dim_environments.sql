with

environments as (

    select * from {{ ref('environments') }}

),

ranked as (

    select
        environment_key,
        name,
        tier,
        is_production,
        row_number() over (
            partition by environment_key
            order by source_system, pattern
        ) as place

    from environments

),

final as (

    select
        environment_key,
        name,
        tier,
        is_production

    from ranked

    where place = 1

    union all

    select
        'unmapped' as environment_key,
        'Unmapped' as name,
        'unmapped' as tier,
        false as is_production

)

select * from final
