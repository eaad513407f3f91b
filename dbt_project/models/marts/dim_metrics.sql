with

versions as (

    select
        *,
        row_number() over (
            partition by metric
            order by version desc
        ) as row_num

    from {{ ref('metrics') }}

    where {{ as_of() }} >= cast(coalesce(valid_from, date '0001-01-01') as timestamp)

),

final as (

    select
        metric,
        version,
        definition,
        unit,
        better,
        target,
        owner,
        {{ semantic_metric('metric') }} as semantic_metric,
        valid_from

    from versions

    where row_num = 1

)

select * from final
