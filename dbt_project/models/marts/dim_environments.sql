with

-- What the company says of an environment comes before what its name means.
environments as (

    select
        environment_key,
        name,
        tier,
        is_production,
        row_number() over (
            partition by environment_key
            order by source_system, pattern
        ) as row_num

    from {{ ref('environments') }}

),

names as (

    select
        environment_key,
        max(name) as name,
        max(tier) as tier,
        max(case when is_production then 1 else 0 end) = 1 as is_production

    from {{ ref('environment_names') }}

    group by 1

),

final as (

    select
        environment_key,
        name,
        tier,
        is_production

    from environments

    where row_num = 1

    union all

    select
        names.environment_key,
        names.name,
        names.tier,
        names.is_production

    from names

    left join environments
        on names.environment_key = environments.environment_key and environments.row_num = 1

    where environments.environment_key is null

    union all

    select
        'unmapped' as environment_key,
        'Unmapped' as name,
        'unmapped' as tier,
        false as is_production

)

select * from final
