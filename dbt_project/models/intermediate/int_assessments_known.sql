with

assessments as (

    select * from {{ ref('stg_feeds__assessments') }}

),

final as (

    select * from assessments

    where assessed_on <= cast({{ as_of() }} as date)

)

select * from final
