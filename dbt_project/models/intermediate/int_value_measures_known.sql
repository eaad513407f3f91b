with

value_measures as (

    select * from {{ ref('stg_feeds__value_measures') }}

),

final as (

    select * from value_measures

    where measured_on <= cast({{ as_of() }} as date)

)

select * from final
